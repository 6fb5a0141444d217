import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { EngineError } from '../../../scripts/engine/engine.ts';
import { trusting } from '../../support/clamav/engines.ts';
import type { CliRun } from '../../support/mirror/cli.ts';
import {
  describeMirror,
  expectNoLeftovers,
  namesIn,
  ofTest,
  startPublished,
  type TestMirror,
} from '../../support/mirror/cycle.ts';
import { official } from '../../support/setup/official.ts';

const PRELOAD = join(import.meta.dirname, 'kill-on.ts');
const quick = { openProver: async () => trusting, flags: { databases: 'test,bytecode' } };

/** A run that ends like this as soon as a file of `test` has come. */
async function syncThatEnds(mirror: TestMirror, by: string): Promise<CliRun> {
  return await mirror.syncCli(['--databases', 'test,bytecode'], {
    nodeFlags: ['--import', PRELOAD],
    environment: { KILL_ON: 'incoming/test', END_BY: by },
  });
}

async function notes(mirror: TestMirror): Promise<unknown> {
  return JSON.parse(await readFile(join(mirror.work, 'trying.json'), 'utf8'));
}

describeMirror('a run that dies', () => {
  test('of one version, twice, leaves it to the next run to hold that one back, and the others go on', async () => {
    await using mirror = await startPublished(1, 6);
    mirror.upstream.set('bytecode.cvd', official('bytecode.cvd'));
    expect((await syncThatEnds(mirror, 'SIGKILL')).signal).toBe('SIGKILL');
    expect(await notes(mirror)).toMatchObject({ test: { version: 6, deaths: 1 }, bytecode: { deaths: 1 } });
    const second = await syncThatEnds(mirror, 'abort'); // what it died of last time is tried one by one
    expect(second.signal).toBe('SIGABRT');
    expect(await notes(mirror)).toMatchObject({ test: { version: 6, deaths: 2 } });

    const third = await mirror.sync(quick);
    expect(ofTest(third)).toMatchObject({ outcome: 'refused', code: 'proof/killed', to: 1, offered: 6 });
    expect(third.databases.bytecode).toMatchObject({ outcome: 'published' });
    expect(third.outcome).toBe('refused');
    await expectNoLeftovers(mirror);

    const held = await mirror.sync(quick);
    expect(ofTest(held)).toMatchObject({ outcome: 'refused', code: 'proof/held', to: 1 });
    expect(held.databases.bytecode).toMatchObject({ outcome: 'unchanged' });
    const asked = await mirror.sync({ ...quick, flags: { ...quick.flags, retry: 'true' } });
    expect(ofTest(asked)).toMatchObject({ outcome: 'published', to: 6 });
  });

  test('once may have died of anything: the next one tries again, and forgets it', async () => {
    await using mirror = await startPublished(1, 6);
    await syncThatEnds(mirror, 'SIGKILL');
    expect(ofTest(await mirror.sync({ openProver: async () => trusting }))).toMatchObject({
      outcome: 'published',
      to: 6,
    });
    expect(await namesIn(mirror.work)).toContain('state.json');
  });

  test('has a next one that tells what it published before it came to nothing', async () => {
    await using mirror = await startPublished(1, 6);
    await syncThatEnds(mirror, 'SIGKILL');
    mirror.upstream.set('bytecode.cvd', official('bytecode.cvd'));
    const openProver = async () => {
      const isFirst = (await namesIn(mirror.store)).includes('bytecode.cvd') === false;
      if (isFirst) return trusting;
      throw new EngineError('engine/missing', 'it is gone');
    };
    expect(await mirror.sync({ ...quick, openProver })).toMatchObject({
      outcome: 'failed',
      error: { code: 'engine/missing' },
      databases: { bytecode: { outcome: 'published', from: null } },
    });
  });

  test('because somebody ended it is no death', async () => {
    await using mirror = await startPublished(1, 6);
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGTERM']) {
      expect((await syncThatEnds(mirror, signal)).exitCode).toBeGreaterThan(128);
      expect(await namesIn(mirror.work)).not.toContain('trying.json');
    }
  });
});
