import { copyFile, mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, type TestContext, test } from 'vitest';
import { SILENT } from '../../scripts/base/log.ts';
import { openEngines } from '../../scripts/engine/open.ts';
import { parseEngineSpec } from '../../scripts/engine/spec.ts';
import { Transcript } from '../../scripts/engine/transcript.ts';
import { publishedCandidate } from '../../scripts/proof/published-candidate.ts';
import { ownCheck } from '../../scripts/proof/scenarios/own-check.ts';
import type { Candidate } from '../../scripts/proof/scenarios/scenario.ts';
import type { ImageName } from '../support/clamav/clamav-images.ts';
import { noNameserver } from '../support/clamav/engines.ts';
import { describeWithImages, image } from '../support/docker/docker.ts';
import { describeMirror, offered } from '../support/mirror/cycle.ts';
import { everyNth } from '../support/sample.ts';
import { official } from '../support/setup/official.ts';

let work: string;
beforeEach(async () => {
  work = await mkdtemp(join(tmpdir(), 'control-'));
});
afterEach(() => rm(work, { recursive: true, force: true }));

async function expectToPass(spec: string, client: string, context: TestContext): Promise<void> {
  const [engine] = await openEngines([parseEngineSpec(spec)], {
    path: process.env.PATH ?? '',
    work,
    log: SILENT,
  });
  if (engine === undefined) throw new Error('no engine');
  const missing = client === 'dns' ? await noNameserver(engine) : undefined;
  if (missing !== undefined) context.skip(missing);
  const folder = join(work, 'client');
  await mkdir(folder);
  const candidate = {
    folder,
    staged: new Map(),
    published: new Map(),
    retained: new Map(),
    workFolder: work,
  };
  const transcript = new Transcript();
  const loaded = () => expect.unreachable('our own database says nothing of the memory that others take');
  const scene = { candidate, engine, folder, samples: [], timeout: 60_000, transcript, loaded };
  expect(await ownCheck({ client }).play(scene)).toContain('eicar.zip Eicar-Test-Signature.UNOFFICIAL');
}

describeMirror('the check with a database of our own is passed by a sound engine', () => {
  test.for(['fresh', 'dns'])(
    'of this machine, in the place of a scenario of “%s”',
    async (client, context) => {
      await expectToPass('native', client, context);
    },
  );

  const names = ['oldest', 'older', 'newest'] as const satisfies readonly ImageName[];
  for (const [at, name] of names.entries()) {
    describeWithImages(name)('in a container', () => {
      test.for(everyNth(2, at % 2 === 0 ? ['dns', 'fresh'] : ['fresh', 'dns']))(
        `of the ${name} image, in the place of a scenario of “%s”`,
        async (client, context) => {
          await expectToPass(`docker:${image(name)}`, client, context);
        },
      );
    });
  }
});

describeMirror('what is published, in the place of what is new', () => {
  /** Version 5 is published, and CDIFFs from 3 on; the stage has version 6. */
  async function stage(): Promise<Candidate> {
    const folder = join(work, 'stage');
    await mkdir(folder);
    for (const [name, path] of offered(6)) await copyFile(path, join(folder, name));
    const path = join(work, 'published.cvd');
    await copyFile(official('test-5.cvd'), path);
    const earlier = (version: number) => ({ version, path: official(`test-${version}.cvd`) });
    return {
      folder,
      publishedFiles: new Set(['test-3.cdiff', 'test-4.cdiff', 'test-5.cdiff']),
      staged: new Map([['test', { version: 6, signatures: 14, fLevel: 81, cdiffs: { first: 2, last: 6 } }]]),
      published: new Map([['test', { version: 5, path }]]),
      retained: new Map([['test', [earlier(3), earlier(4)]]]),
      workFolder: work,
    };
  }

  test('has its CVD and those CDIFFs that clients get now, and clients of retained versions', async () => {
    const control = await publishedCandidate(await stage(), join(work, 'control'));
    expect((await readdir(control.folder)).sort()).toEqual([
      'test-3.cdiff',
      'test-4.cdiff',
      'test-5.cdiff',
      'test.cvd',
    ]);
    expect(await readFile(join(control.folder, 'test.cvd'))).toEqual(await readFile(official('test-5.cvd')));
    expect(control.staged.get('test')).toMatchObject({ version: 5, cdiffs: { first: 3, last: 5 } });
    expect(control.published.get('test')).toMatchObject({ version: 4 });
    expect(control.retained.get('test')?.map(({ version }) => version)).toEqual([3, 4]);
  });

  test('of a new mirror is nothing', async () => {
    const candidate = { ...(await stage()), published: new Map() };
    const control = await publishedCandidate(candidate, join(work, 'control'));
    expect(control.staged.size).toBe(0);
    expect(await readdir(control.folder)).toEqual([]);
  });
});
