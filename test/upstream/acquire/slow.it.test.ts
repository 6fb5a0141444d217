import { existsSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { PARTIALS_FOLDER } from '../../../scripts/upstream/acquire/partials.ts';
import { trusting } from '../../support/clamav/engines.ts';
import {
  describeMirror,
  expectNoLeftovers,
  faults,
  offer,
  ofTest,
  startMirror,
  type TestMirror,
} from '../../support/mirror/cycle.ts';
import { official } from '../../support/setup/official.ts';

const quick = { openProver: async () => trusting };

/** A run that is killed once the first half of this file is on the disk, of which upstream sends no more. */
async function killedHalfWay(mirror: TestMirror, name: string, half: number): Promise<void> {
  const header = name.endsWith('.cvd') ? [{ times: 1 }] : []; // which is asked for first
  mirror.upstream.fail(name, ...header, { stallAfter: half });
  const kill = new AbortController();
  const run = mirror.syncCli([], { kill: kill.signal });
  const part = join(mirror.work, PARTIALS_FOLDER, `${name}.part`);
  await vi.waitFor(async () => expect((await stat(part)).size).toBe(half), { timeout: 60_000, interval: 20 });
  kill.abort();
  expect((await run).signal).toBe('SIGKILL');
  mirror.upstream.fail(name);
  mirror.upstream.forget();
}

const wholeOf = (mirror: TestMirror, name: string) =>
  mirror.upstream.requests.filter((seen) => seen.name === name && seen.range !== 'bytes=0-521');

describeMirror('over a slow line', () => {
  test('the CVD of a run that was killed is gone on with by the next one, from the byte where it ended', async () => {
    await using mirror = await startMirror(6);
    const { length } = await readFile(official('test-6.cvd'));
    await killedHalfWay(mirror, 'test.cvd', 6000);
    expect(ofTest(await mirror.sync(quick))).toMatchObject({
      outcome: 'published',
      to: 6,
      how: 'downloaded',
    });
    expect(wholeOf(mirror, 'test.cvd')).toMatchObject([
      { range: 'bytes=6000-', ifRange: expect.stringMatching(/^"/), status: 206, sent: length - 6000 },
    ]);
    expect(await faults(mirror.store)).toEqual([]);
    await expectNoLeftovers(mirror);
  });

  test('the CVD begins anew if upstream has another one by then', async () => {
    await using mirror = await startMirror(5);
    await killedHalfWay(mirror, 'test.cvd', 6000);
    offer(mirror, 6);
    const { length } = await readFile(official('test-6.cvd'));
    expect(ofTest(await mirror.sync(quick))).toMatchObject({ outcome: 'published', to: 6 });
    expect(wholeOf(mirror, 'test.cvd')).toMatchObject([{ range: undefined, status: 200, sent: length }]);
    expect(await faults(mirror.store)).toEqual([]);
    await expectNoLeftovers(mirror);
  });

  test('a CDIFF of a run that was killed is gone on with too', async () => {
    await using mirror = await startMirror(1);
    await mirror.sync(quick);
    offer(mirror, 6);
    const { length } = await readFile(official('test-6.cdiff'));
    await killedHalfWay(mirror, 'test-6.cdiff', 500);
    expect(ofTest(await mirror.sync(quick))).toMatchObject({ outcome: 'published', to: 6, how: 'rebuilt' });
    expect(mirror.upstream.requests.filter(({ name }) => name === 'test-6.cdiff')).toMatchObject([
      { range: 'bytes=500-', ifRange: expect.stringMatching(/^"/), status: 206, sent: length - 500 },
    ]);
    expect(await faults(mirror.store)).toEqual([]);
    await expectNoLeftovers(mirror);
  });

  test('a CDIFF begins anew if its ETag is another one, whatever the part was of', async () => {
    await using mirror = await startMirror(1);
    await mirror.sync(quick);
    offer(mirror, 6);
    const genuine = await readFile(official('test-6.cdiff'));
    mirror.upstream.set(
      'test-6.cdiff',
      genuine.map((byte) => byte ^ 1),
    );
    await killedHalfWay(mirror, 'test-6.cdiff', 500);
    mirror.upstream.set('test-6.cdiff', genuine);
    expect(ofTest(await mirror.sync(quick))).toMatchObject({ outcome: 'published', to: 6, how: 'rebuilt' });
    expect(mirror.upstream.requests.filter(({ name }) => name === 'test-6.cdiff')).toMatchObject([
      { range: 'bytes=500-', status: 200, sent: genuine.length },
    ]);
    expect(existsSync(join(mirror.work, PARTIALS_FOLDER))).toBe(false);
  });
});
