import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { SILENT } from '../../../scripts/base/log.ts';
import type { Engine } from '../../../scripts/engine/engine.ts';
import { openEngines } from '../../../scripts/engine/open.ts';
import { parseEngineSpec } from '../../../scripts/engine/spec.ts';
import { proveWith } from '../../../scripts/proof/prove.ts';
import { trusting } from '../../support/clamav/engines.ts';
import { FOUND_BY_TALOS } from '../../support/databases/found-by-talos.ts';
import { describeWithImages, image } from '../../support/docker/docker.ts';
import { describeMirror, startMirror, type TestMirror } from '../../support/mirror/cycle.ts';
import { allowIn, EICAR } from './allowing.ts';
import { checkAndScan } from './scanning-client.ts';

describeMirror('the allow list', () => {
  describeWithImages('oldest', 'newest')('for clients of several versions', () => {
    let mirror: TestMirror;
    let engines: readonly Engine[];
    beforeAll(async () => {
      mirror = await startMirror(6);
      await mkdir(mirror.work, { mode: 0o700 });
      const specs = ['native', `docker:${image('oldest')}`, `docker:${image('newest')}`].map(parseEngineSpec);
      engines = await openEngines(specs, { path: process.env.PATH ?? '', work: mirror.work, log: SILENT });
      expect((await mirror.sync({ openProver: async () => trusting })).outcome).toBe('published');
    });
    afterAll(async () => await mirror[Symbol.asyncDispose]());

    const openProver = async () => proveWith(engines, { now: () => new Date() });
    const found = async () =>
      await Promise.all(
        engines.map((engine, at) => checkAndScan(engine, mirror.store, join(mirror.folder, `client-${at}`))),
      );

    test('is proven by each, and each finds again what is off once its entry has ended', {
      timeout: 180_000,
    }, async () => {
      const until = new Date(Date.now() + 3_600_000).toISOString();
      const done = await allowIn(
        mirror,
        { what: FOUND_BY_TALOS, reason: 'a false alarm', until },
        { openProver },
      );
      expect(done.proof?.engines.map(({ name }) => name)).toEqual(engines.map(({ name }) => name));
      expect(await found()).toEqual(engines.map(() => ({ eicar: EICAR, sample: 'OK' })));
      const later = () => new Date(Date.parse(until) + 60_000);
      const { extras } = await mirror.sync({ now: later, openProver });
      expect(extras).toMatchObject({ 'local.ign2': { outcome: 'published' } });
      expect(await found()).toEqual(engines.map(() => ({ eicar: EICAR, sample: FOUND_BY_TALOS })));
    });

    test('is refused by each if it hides EICAR', { timeout: 180_000 }, async () => {
      for (const engine of engines) {
        const parts = { openProver: async () => proveWith([engine], { now: () => new Date() }) };
        await expect(allowIn(mirror, { what: EICAR, reason: 'no' }, parts)).rejects.toMatchObject({
          code: 'proof/hides',
        });
      }
    });
  });
});
