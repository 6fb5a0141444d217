import { explain } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import type { CycleReport } from '../report.ts';
import { lastRunOf } from './last-run.ts';
import { State } from './state.ts';
import { Trials } from './trials.ts';

/** All that a work folder remembers between runs. */
export interface Memory {
  /** Cool-downs, quarantine, waits, doubts, and the last run. */
  readonly state: State;
  /** Versions that a run died of. */
  readonly trials: Trials;
  /** Remembers how a run went, for `status`. A run counts whether or not that can be written down. */
  rememberRun(
    report: CycleReport,
    mirrored: { readonly upstreams: readonly string[]; readonly databases: readonly string[] },
  ): Promise<void>;
}

export async function openMemory(
  work: string,
  { log, now }: { readonly log: Log; readonly now: () => Date },
): Promise<Memory> {
  const state = await State.load(work, now());
  return {
    state,
    trials: await Trials.load(work),
    rememberRun: async (report, mirrored) =>
      await state
        .setLastRun(lastRunOf(report, mirrored, now()))
        .catch((error) => log.warn(`cannot remember how this run went: ${explain(error)}`)),
  };
}
