import { expect, test } from 'vitest';
import { trusting } from '../../support/clamav/engines.ts';
import {
  describeMirror,
  expectNoLeftovers,
  faults,
  namesIn,
  ofTest,
  published,
  startMirror,
  versionOf,
} from '../../support/mirror/cycle.ts';
import { everyNth } from '../../support/sample.ts';
import { changesOf, inPairs, killedAt } from '../kills/killing.ts';
import { folderAt, traces } from './folder.ts';

describeMirror('a run that adopts a folder', () => {
  test('may be killed in any change it makes to files: what is served is whole, and no whole CVD is ever taken', {
    timeout: 900_000,
  }, async () => {
    await using whole = await startMirror(6);
    const run = await whole.syncCli(['--adopt', await folderAt(whole, 5)], killedAt(0));
    expect(run.exitCode).toBe(0);
    const tree = await published(whole.store);
    const changes = changesOf(run);
    const isLast = (what: string) => what.startsWith('rename ') && what.includes('/manifest.json');
    const adopted = changes.findIndex(isLast); // what comes after is a run as others are
    expect(adopted).toBeGreaterThan(0);
    const points = [...changes.keys()].filter(
      (at) => at <= adopted + 10 && !isLikeAnother(changes[at] ?? ''),
    );
    expect(points.length).toBeGreaterThan(30);

    await inPairs(everyNth(16, points), async (at) => {
      await using mirror = await startMirror(6);
      const given = await folderAt(mirror, 5);
      const before = await traces(given);
      const killed = await mirror.syncCli(['--adopt', given], killedAt(at + 1));
      try {
        expect(killed.signal).toBe('SIGKILL');
        expect(await traces(given)).toEqual(before);
        const names = await namesIn(mirror.store);
        if (names.length > 0) expect(await faults(mirror.store)).toEqual([]);
        if (names.includes('test.cvd')) expect([5, 6]).toContain(await versionOf(mirror.store));

        const openProver = async () => trusting;
        const report = await mirror.sync({ openProver, flags: { adopt: given } });
        expect(ofTest(report)).toMatchObject({
          outcome: expect.stringMatching(/^(published|unchanged)$/),
          to: 6,
        });
        expect(mirror.upstream.requests.filter(({ name, range }) => name === 'test.cvd' && !range)).toEqual(
          [],
        );
        expect(await published(mirror.store)).toEqual(tree);
        expect(await faults(mirror.store)).toEqual([]);
        await expectNoLeftovers(mirror);
      } catch (cause) {
        throw new Error(`after a kill in change ${at + 1}: ${changes[at]}`, { cause });
      }
    });
  });
});

/** The first CDIFF and the last stand for those between them, and one sample for all. */
function isLikeAnother(change: string): boolean {
  if (change.includes('fixtures')) return !change.includes('archive.zip');
  return /test-[34]\.cdiff/.test(change);
}
