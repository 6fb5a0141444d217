import { expect, test } from 'vitest';
import { SILENT } from '../../../scripts/base/log.ts';
import type { CycleReport } from '../../../scripts/cycle/report.ts';
import { type Awaited, runWhenOffered } from '../../../scripts/cycle/survey/wait-for.ts';
import { openWorkspace } from '../../../scripts/cycle/workspace.ts';
import { syncSettings } from '../../../scripts/settings/commands/sync.ts';
import { waitSettings } from '../../../scripts/settings/commands/wait-for.ts';
import { FolderStore } from '../../../scripts/store/folder.ts';
import { TALOS } from '../../../scripts/verify/trust.ts';
import { trusting } from '../../support/clamav/engines.ts';
import { offer, ofTest, startMirror, type TestMirror, versionOf } from '../../support/mirror/cycle.ts';
import { describeWithOfficial } from '../../support/setup/official.ts';
import { NOBODY } from '../../upstream/support.ts';

const MINUTE = 60_000;

/** Waits for a version by a clock that only sleeping moves; `after` sees the minutes that have passed. */
async function waitFor(
  mirror: TestMirror,
  wanted: Partial<Awaited> = {},
  after: (minutes: number) => unknown = () => {},
  upstream = mirror.upstream.url,
): Promise<{ report: CycleReport; minutes: number; pauses: number[] }> {
  const begin = Date.now();
  let passed = 0;
  const pauses: number[] = [];
  const { store, work } = mirror;
  const flags = { upstream, dns: 'off', databases: 'test', store, work };
  const report = await runWhenOffered(
    { database: 'test', version: 6, patience: 60 * MINUTE, ...wanted },
    syncSettings({ flags, environment: {} }),
    {
      ...{ store: new FolderStore(store), openProver: async () => trusting, trust: TALOS, log: SILENT },
      now: () => new Date(begin + passed),
    },
    async (milliseconds) => {
      pauses.push(milliseconds / MINUTE);
      passed += milliseconds;
      await after(passed / MINUTE);
    },
  );
  return { report, minutes: passed / MINUTE, pauses };
}

const asked = ({ upstream }: TestMirror) => upstream.asked.filter((name) => name === 'test.cvd').length;

describeWithOfficial('a sync that waits for a version', () => {
  test('runs at once if upstream has it, or a later one', async () => {
    await using mirror = await startMirror(6);
    const { report, minutes } = await waitFor(mirror, { version: 5 });
    expect(minutes).toBe(0);
    expect(report).toMatchObject({ outcome: 'published', databases: { test: { to: 6 } } });
  });

  test('asks nothing more than any other if the version is published already', async () => {
    await using mirror = await startMirror(6);
    await waitFor(mirror);
    mirror.upstream.forget();
    expect((await waitFor(mirror)).report.outcome).toBe('unchanged');
    expect(asked(mirror)).toBe(1);
  });

  test('a version that is not there yet is looked for less and less often', async () => {
    await using mirror = await startMirror(5);
    const { report, pauses } = await waitFor(mirror, {}, (minutes) => minutes > 40 && offer(mirror, 6));
    expect(pauses).toEqual([1, 2, 4, 8, 10, 10, 10]);
    expect(ofTest(report)).toMatchObject({ outcome: 'published', to: 6 });
    expect(asked(mirror)).toBeLessThanOrEqual(pauses.length + 3); // each look, the cycle, and the CVD
  });

  test('ends with an error once the time is over, and publishes what there is', async () => {
    await using mirror = await startMirror(5);
    const { report, minutes } = await waitFor(mirror);
    expect(minutes).toBeLessThanOrEqual(60);
    expect(report).toMatchObject({ outcome: 'failed', error: { code: 'upstream/awaited' } });
    expect(ofTest(report)).toMatchObject({ outcome: 'published', to: 5 });
    expect(await versionOf(mirror.store)).toBe(5);
  });

  test('is over at once where upstream asks to be left alone, and asks nothing more', async () => {
    await using mirror = await startMirror(5);
    mirror.upstream.fail('*', { status: 429 });
    const { report, minutes } = await waitFor(mirror);
    expect(minutes).toBe(0);
    expect(ofTest(report)).toMatchObject({ outcome: 'failed', code: 'upstream/cool-down' });
    expect(mirror.upstream.asked).toHaveLength(1);
  });

  test('waits on while nobody can be reached, or another run is at work', async () => {
    await using mirror = await startMirror(6);
    let other: AsyncDisposable | undefined = await openWorkspace(mirror.work, SILENT);
    const { report, pauses } = await waitFor(mirror, {}, async () => {
      await other?.[Symbol.asyncDispose]();
      other = undefined;
    });
    expect(pauses).toEqual([1]);
    expect(ofTest(report)).toMatchObject({ outcome: 'published' });
    const { upstream } = mirror;
    offer(mirror, 5);
    const lost = await waitFor(
      mirror,
      { version: 7, patience: MINUTE },
      () => {},
      `${NOBODY},${upstream.url}`,
    );
    expect(lost.pauses).toEqual([1]);
    expect(lost.report.error).toMatchObject({ code: 'upstream/awaited' });
  });
});

test('a version is named with its database, and daily needs none', () => {
  const given = (flag?: string) => ({
    flags: flag === undefined ? {} : { 'wait-for': flag },
    environment: {},
  });
  const wanted = (flag?: string) => waitSettings(given(flag), ['main', 'daily']);
  expect(wanted()).toBeUndefined();
  expect(wanted('28101')).toEqual({ database: 'daily', version: 28101, patience: 60 * MINUTE });
  expect(wanted('main:63')).toMatchObject({ database: 'main', version: 63 });
  for (const wrong of ['', 'daily', 'daily:', ':1', '0', 'a:b:1', '-1', 'bytecode:1', '99999999999'])
    expect(() => wanted(wrong), wrong).toThrow(expect.objectContaining({ code: 'setting/invalid' }));
});
