import { existsSync } from 'node:fs';
import { cp, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { cvdName } from '../../../scripts/cvd/names.ts';
import { trusting } from '../../support/clamav/engines.ts';
import type { CliOptions, CliRun } from '../../support/mirror/cli.ts';
import {
  expectNoLeftovers,
  faults,
  namesIn,
  ofTest,
  published,
  startMirror,
  type TestMirror,
  updateClient,
  versionOf,
} from '../../support/mirror/cycle.ts';
import { everyNth } from '../../support/sample.ts';
import { MARK } from './kill-at.ts';

const PRELOAD = join(import.meta.dirname, 'kill-at.ts');

/** How a run begins, over and over: from a mirror that has this version, or from nothing. */
export interface Start extends AsyncDisposable {
  readonly from: 1 | undefined;
  /** A mirror as it was before the run; its upstream offers version 6. */
  begin(): Promise<TestMirror>;
}

export async function startFrom(from: 1 | undefined): Promise<Start> {
  const template = await startMirror(1);
  if (from !== undefined) expect((await template.sync()).outcome).toBe('published');
  return {
    from,
    async begin() {
      const mirror = await startMirror(6);
      if (from !== undefined) {
        await cp(template.store, mirror.store, { recursive: true, preserveTimestamps: true });
        await cp(template.work, mirror.work, { recursive: true });
      }
      return mirror;
    },
    [Symbol.asyncDispose]: () => template[Symbol.asyncDispose](),
  };
}

/** Options of a run that is killed in its Nth change to a file; 0 for a run to its end. */
export function killedAt(change: number): CliOptions {
  return { nodeFlags: ['--import', PRELOAD], environment: { KILL_AT: String(change) } };
}

/** The changes to files that such a run made, in order. */
export function changesOf({ stderr }: CliRun): string[] {
  return stderr.split('\n').flatMap((line) => (line.startsWith(MARK) ? [line.slice(MARK.length)] : []));
}

/** The changes that a run makes, in order, and the tree that it ends with. */
export async function wholeRun(start: Start): Promise<{ changes: string[]; tree: Record<string, string> }> {
  await using mirror = await start.begin();
  const run = await mirror.syncCli([], killedAt(0));
  expect(run.exitCode).toBe(0);
  return { changes: changesOf(run), tree: await published(mirror.store) };
}

/**
 * After a kill: what is published is whole and proven, a real client gets it, and the next run brings the mirror to
 * where the killed one would have brought it, without leftovers.
 */
export async function expectSound(
  mirror: TestMirror,
  from: 1 | undefined,
  tree: Record<string, string>,
): Promise<void> {
  const names = await namesIn(mirror.store);
  if (names.length > 0) expect(await faults(mirror.store)).toEqual([]);
  await expectLinksToBeThere(mirror.store, from);
  if (from !== undefined) expect(names).toEqual(expect.arrayContaining([cvdName('test'), 'manifest.json']));
  if (names.includes(cvdName('test'))) {
    const version = await versionOf(mirror.store);
    expect([from, 6]).toContain(version);
    expect(await updateClient(mirror.store, join(mirror.folder, 'client'), version)).toBe(
      `test.cvd ${version}`,
    );
  }
  const before = mirror.upstream.sent('test.cvd');
  const report = await mirror.sync({ openProver: async () => trusting });
  expect(ofTest(report)).toMatchObject({ outcome: expect.stringMatching(/^(published|unchanged)$/), to: 6 });
  const sent = mirror.upstream.sent('test.cvd') - before;
  if (from !== undefined) expect(sent, JSON.stringify(report)).toBeLessThanOrEqual(522);
  expect(await published(mirror.store)).toEqual(tree);
  expect(await faults(mirror.store)).toEqual([]);
  await expectNoLeftovers(mirror);
}

/** The status page names no file that is not there; the manifest comes after it, so the first page may be ahead of that. */
async function expectLinksToBeThere(store: string, from: 1 | undefined): Promise<void> {
  const page = await readFile(join(store, 'index.html'), 'utf8').catch(() => undefined);
  if (page === undefined) return expect(from).toBeUndefined();
  const linked = [...page.matchAll(/(?:href|src)="([\w./-]+)"/g)].map(([, name = '']) => name);
  expect(linked).toContain(cvdName('test'));
  const missing = linked.filter((name) => !existsSync(join(store, name)));
  expect(missing.filter((name) => from !== undefined || name !== 'manifest.json')).toEqual([]);
}

/**
 * Kills a run in each of its changes to files that is not like another: the first CDIFF and the last stand for those
 * between them until their publication, one sample for all, and what a first run downloads for every run. `npm test` takes
 * every eighth of these changes, the soak all.
 */
export async function expectToSurviveKills(from: 1 | undefined): Promise<void> {
  await using start = await startFrom(from);
  const { changes, tree } = await wholeRun(start);
  const first = from === undefined ? 0 : changes.findIndex((what) => what.includes('incoming/test.cvd'));
  const points = [...changes.keys()].filter((at) => at >= first && !isLikeAnother(changes, at));
  expect(points.length).toBeGreaterThan(15);
  await inPairs(everyNth(8, points), async (at) => {
    await using mirror = await start.begin();
    const run = await mirror.syncCli([], killedAt(at + 1));
    try {
      expect(run.signal).toBe('SIGKILL');
      await expectSound(mirror, from, tree);
    } catch (cause) {
      throw new Error(`after a kill in change ${at + 1}: ${changes[at]}`, { cause });
    }
  });
}

function isLikeAnother(changes: readonly string[], at: number): boolean {
  const [change = '', next = ''] = changes.slice(at);
  if (/fixtures/.test(change)) return !change.includes('archive.zip');
  if (change === 'writeFile') return /test-[345]\.cdiff/.test(next); // what is written here is renamed there
  return /incoming\/test-[345]\.cdiff/.test(change);
}

/** Does two things at a time, for two cores. */
export async function inPairs<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const queue = [...items];
  const worker = async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item);
  };
  await Promise.all([worker(), worker()]);
}
