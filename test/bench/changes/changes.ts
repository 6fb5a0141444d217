import { findSignature } from '../../../scripts/changes/find.ts';
import { digestsOf, encodeNameIndex } from '../../../scripts/changes/name-index.ts';
import { encodeOverview, type StepSummary, summaryOf } from '../../../scripts/changes/overview.ts';
import { encodeStep } from '../../../scripts/changes/record.ts';
import { textsOf } from '../../../scripts/changes/texts.ts';
import { changesIndexName, changesName, changesOverviewName } from '../../../scripts/cvd/names.ts';
import { startHost } from '../../../scripts/host/host.ts';
import { FolderStore } from '../../../scripts/store/folder.ts';
import { bigStep } from '../../changes/facts.ts';
import { writeBigDatabase } from '../../support/databases/big-database.ts';
import { type Measured, measure, say, spread, withFolder } from '../support.ts';

const ROUNDS = 5;
const VERSIONS = 100;
const NAMES = 2000;

interface StepRun extends Measured {
  /** Seconds of the processor, which another process does not lengthen as much. */
  readonly cpuSeconds: number;
}

/** Lists of changed signatures: what making one costs, and finding a signature in a hundred. */
export async function changes(): Promise<void> {
  await withFolder(makeLists);
  await withFolder(find);
}

/** Finding out what a daily step changed, beside nothing but inflating the database before it. */
async function makeLists(folder: string): Promise<void> {
  const [old, next] = await writeBigDatabase(folder, 'daily', { share: 1, steps: ['day'] });
  if (old === undefined || next?.cdiff === undefined) throw new Error('no chain');
  const task = { folder, old: old.cvd, next: next.cvd, cdiff: next.cdiff };
  const runs = new Map<string, StepRun[]>();
  for (let round = 0; round < ROUNDS; round++) {
    for (const way of ['inflate', 'cdiff', 'cdiff alone', 'databases']) {
      const run = await measure<StepRun>('./changes/step-child.ts', { ...task, way });
      runs.set(way, [...(runs.get(way) ?? []), run]);
    }
  }
  const inflating = runs.get('inflate') ?? [];
  for (const [way, measured] of runs) {
    const ratios = measured.map(({ cpuSeconds }, at) => cpuSeconds / (inflating[at]?.cpuSeconds ?? 1));
    say(
      `${way}: ${spread(measured.map(({ cpuSeconds }) => cpuSeconds))} s of the processor, ` +
        `${spread(ratios)} times inflating; peak memory ${spread(measured.map((run) => run.peakMegabytes))} MB`,
    );
  }
}

/** Finding a signature in the lists of a hundred versions, in a folder and at a URL, beside reading all of them. */
async function find(folder: string): Promise<void> {
  const store = new FolderStore(folder);
  await using publication = await store.begin(undefined);
  const summaries: StepSummary[] = [];
  const index = new Map<number, string>();
  for (let to = 2; to <= VERSIONS + 1; to++) {
    const step = bigStep(NAMES, { from: to - 1, to });
    const text = encodeStep(step);
    await publication.write(changesName('daily', to), text);
    summaries.push(summaryOf(step, text));
    index.set(to, digestsOf(step) ?? '');
  }
  await publication.write(changesIndexName('daily'), encodeNameIndex('daily', index));
  await publication.write(changesOverviewName('daily'), encodeOverview('daily', summaries));
  await publication.commit();
  await using host = await startHost({ folder, port: 0 });
  const atUrl = async (name: string) => {
    const answer = await fetch(`${host.url}/${name}`);
    return answer.ok ? await answer.text() : undefined;
  };
  const name = bigStep(1, { to: VERSIONS / 2 }).files[0]?.added?.names[0] ?? '';
  const inFolder = textsOf(store);
  const withoutIndex: typeof inFolder = async (file, limit) =>
    file === changesIndexName('daily') ? undefined : await inFolder(file, limit);
  for (const [where, read] of [
    ['a folder', inFolder],
    ['a URL', atUrl],
    ['a folder, without the index', withoutIndex],
  ] as const) {
    const milliseconds: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const begun = performance.now();
      const [answer] = await findSignature(read, ['daily'], name);
      if (answer?.events.length !== 1) throw new Error('the signature was not found');
      milliseconds.push(performance.now() - begun);
    }
    say(`when, ${VERSIONS} versions of ${NAMES} names in ${where}: ${spread(milliseconds)} ms`);
  }
}
