import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { trusting } from '../../support/clamav/engines.ts';
import { FOUND_BY_TALOS } from '../../support/databases/found-by-talos.ts';
import { type CliRun, runCli } from '../../support/mirror/cli.ts';
import {
  describeMirror,
  expectNoLeftovers,
  faults,
  manifestOf,
  published,
  startMirror,
  type TestMirror,
} from '../../support/mirror/cycle.ts';
import { everyNth } from '../../support/sample.ts';
import { changesOf, inPairs, killedAt } from '../kills/killing.ts';
import { allowIn } from './allowing.ts';

const BEFORE = 'Not.There-1';

/** Runs something in a process that is killed in its Nth change to a file; 0 for a run to its end. */
type Run = (mirror: TestMirror, change: number) => Promise<CliRun>;

const allowing: Run = (mirror, change) => {
  const args = [
    'allow',
    FOUND_BY_TALOS,
    '--reason',
    'a false alarm',
    '--store',
    mirror.store,
    '--work',
    mirror.work,
  ];
  return runCli(args, killedAt(change));
};

const syncing: Run = async (mirror, change) => {
  const path = join(mirror.folder, 'allow.json');
  await writeFile(path, JSON.stringify({ allow: [{ what: FOUND_BY_TALOS, reason: 'a false alarm' }] }));
  return await mirror.syncCli(['--allow-list', path], killedAt(change));
};

describeMirror('a change of the allow list', () => {
  let template: TestMirror;
  beforeAll(async () => {
    template = await startMirror(6);
    await template.sync({ openProver: async () => trusting });
    await allowIn(template, { what: BEFORE, reason: 'it comes some day' });
  });
  afterAll(async () => await template[Symbol.asyncDispose]());

  async function begin(): Promise<TestMirror> {
    const mirror = await startMirror(6);
    await cp(template.store, mirror.store, { recursive: true, preserveTimestamps: true });
    await cp(template.work, mirror.work, { recursive: true });
    return mirror;
  }

  /** What the list of a mirror says: in its manifest, and to clients. */
  async function listIn({ store }: TestMirror): Promise<{ said: string[]; served: string[] }> {
    const { extras } = await manifestOf({ store });
    const lines = (await readFile(join(store, 'local.ign2'), 'utf8')).split('\n');
    const served = lines.filter((line) => line !== '' && !line.startsWith('#'));
    return { said: (extras?.allowed ?? []).map(({ what }) => what).sort(), served };
  }

  test.each([
    ['by a command', allowing],
    ['by a file', syncing],
  ] as const)('%s may be killed at any write', { timeout: 300_000 }, async (_how, run) => {
    await using whole = await begin();
    const done = await run(whole, 0);
    expect(done, done.stderr).toMatchObject({ exitCode: 0 });
    const [old, next] = [await listIn(template), await listIn(whole)];
    expect(next.served).toEqual([BEFORE, FOUND_BY_TALOS]);
    const tree = await published(whole.store);
    const points = [...changesOf(done).keys()];
    expect(points.length).toBeGreaterThan(15);
    await inPairs(everyNth(6, points), async (at) => {
      await using mirror = await begin();
      expect((await run(mirror, at + 1)).signal).toBe('SIGKILL');
      const { said, served } = await listIn(mirror);
      expect([old.said, next.said]).toContainEqual(said);
      expect([old.served, next.served]).toContainEqual(served); // a file comes before the manifest
      const again = await run(mirror, 0);
      expect(again, again.stderr).toMatchObject({ exitCode: 0 });
      expect(await listIn(mirror)).toEqual(next);
      expect(await published(mirror.store)).toEqual(tree);
      expect(await faults(mirror.store)).toEqual([]);
      await expectNoLeftovers(mirror);
    });
  });
});
