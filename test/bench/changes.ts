import { writeBigDatabase } from '../support/databases/big-database.ts';
import { type Measured, measure, say, spread, withFolder } from './support.ts';

const ROUNDS = 5;

interface ChangesRun extends Measured {
  /** Seconds of the processor, which another process does not lengthen as much. */
  readonly cpuSeconds: number;
}

/** Finding out what a daily step changed, beside nothing but inflating the database before it. */
export async function changes(): Promise<void> {
  await withFolder(async (folder) => {
    const [old, next] = await writeBigDatabase(folder, 'daily', { share: 1, steps: ['day'] });
    if (old === undefined || next?.cdiff === undefined) throw new Error('no chain');
    const task = { folder, old: old.cvd, next: next.cvd, cdiff: next.cdiff };
    const runs = new Map<string, ChangesRun[]>();
    for (let round = 0; round < ROUNDS; round++) {
      for (const way of ['inflate', 'cdiff', 'cdiff alone', 'databases'])
        runs.set(way, [
          ...(runs.get(way) ?? []),
          await measure<ChangesRun>('./changes-child.ts', { ...task, way }),
        ]);
    }
    const inflating = runs.get('inflate') ?? [];
    for (const [way, measured] of runs) {
      const ratios = measured.map(({ cpuSeconds }, at) => cpuSeconds / (inflating[at]?.cpuSeconds ?? 1));
      say(
        `${way}: ${spread(measured.map(({ cpuSeconds }) => cpuSeconds))} s of the processor, ${spread(ratios)} times inflating; ` +
          `peak memory ${spread(measured.map((run) => run.peakMegabytes))} MB`,
      );
    }
  });
}
