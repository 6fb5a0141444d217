import type { RunReport } from '../notify/run-report.ts';
import type { ActionSettings } from '../settings/action.ts';
import type { Given } from '../settings/read.ts';
import type { Verdict } from '../wiring/exit-code.ts';
import type { ActionsLog } from './actions-log.ts';

/** A command's settings are read, and found good, before anything is done. Throws `setting/invalid`. */
export type Prepare = (given: Given) => (context: ActionContext) => Promise<Ended>;

export interface ActionContext {
  readonly action: ActionSettings;
  readonly given: Given;
  readonly log: ActionsLog;
  readonly now: () => Date;
}

/** What a command leaves behind. */
export interface Ended {
  readonly verdict: Exclude<Verdict, 'usage'>;
  /** By name, as action.yml has them. */
  readonly outputs: Readonly<Record<string, string>>;
  /** Markdown. */
  readonly summary: string;
  /** For those who are to be notified; without it there is nothing to tell. */
  readonly report?: RunReport;
}
