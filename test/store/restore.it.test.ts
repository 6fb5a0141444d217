import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { codeOf } from '../../scripts/errors.ts';
import { startHost } from '../../scripts/host/host.ts';
import { SILENT } from '../../scripts/log.ts';
import { Stage } from '../../scripts/stage.ts';
import { Copies } from '../../scripts/store/copies.ts';
import { FolderStore } from '../../scripts/store/folder.ts';
import { encodeManifest, type Manifest, parseManifest } from '../../scripts/store/manifest.ts';
import { restore } from '../../scripts/store/restore.ts';
import { openUpstream } from '../../scripts/upstream/open.ts';
import { TALOS } from '../../scripts/verify/trust.ts';
import {
  describeMirror,
  faults,
  hashes,
  namesIn,
  offer,
  ofTest,
  startMirror,
  type TestMirror,
} from '../support/cycle.ts';
import { trusting } from '../support/engines.ts';
import { startUpstream, type TestUpstream } from '../support/upstream.ts';

const quick = { findProver: async () => trusting };
const PATIENCE = { idle: 2000, file: 5000, attempts: 2, pause: 1 };

describeMirror('a mirror that is only where it is served', () => {
  let mirror: TestMirror;
  let folder: string;
  /** Where clients find it. */
  let site: TestUpstream;
  let copies: Copies;
  beforeAll(async () => {
    mirror = await startMirror(4);
    await mirror.sync(quick);
    offer(mirror, 5);
    expect((await mirror.sync(quick)).outcome).toBe('published');
  });
  afterAll(async () => await mirror[Symbol.asyncDispose]());
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'restore-'));
    copies = new Copies(join(folder, 'copies'));
    const names = [...(await hashes(mirror.store)).keys()];
    site = await startUpstream(new Map(names.map((name) => [name, join(mirror.store, name)])));
    site.set(await theirManifest(), join(mirror.store, 'manifest.json'));
  });
  afterEach(async () => {
    await site[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  });
});
