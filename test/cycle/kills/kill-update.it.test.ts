import { setTimeout as wait } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { describeMirror } from '../../support/mirror/cycle.ts';
import { everyNth } from '../../support/sample.ts';
import { expectSound, expectToSurviveKills, inPairs, startFrom, wholeRun } from './killing.ts';

/** Kills at points of time, for what no change to a file marks: the rebuild in its threads, ClamAV at work. */
const MOMENTS = 5;

describeMirror('a run from version 1 to 6', () => {
  test('may be killed in any change it makes to files', { timeout: 300_000 }, async () => {
    await expectToSurviveKills(1);
  });

  test('may be killed at any moment', { timeout: 300_000 }, async () => {
    await using start = await startFrom(1);
    const begun = performance.now();
    const { tree } = await wholeRun(start);
    const length = performance.now() - begun;
    await inPairs(everyNth(3, [...Array(MOMENTS).keys()]), async (moment) => {
      await using mirror = await start.begin();
      const after = length * (0.3 + (0.7 * moment) / MOMENTS); // before that, Node is only starting
      const kill = new AbortController();
      const run = mirror.syncCli([], { kill: kill.signal });
      await Promise.race([run, wait(after)]);
      kill.abort();
      const { signal, exitCode } = await run;
      expect(signal ?? exitCode).toSatisfy((end: unknown) => end === 'SIGKILL' || end === 0);
      await expectSound(mirror, 1, tree);
    });
  });
});
