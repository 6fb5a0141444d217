import type { RunReport } from '../notify/run-report.ts';
import type { ActionSettings } from '../settings/action.ts';
import type { Given } from '../settings/read.ts';
import type { Verdict } from '../wiring/exit-code.ts';
import type { ActionsLog } from './actions-log.ts';

/** Reads and validates a command's settings before anything is done. Throws `setting/invalid`. */
export type Prepare = (given: Given) => (context: ActionContext) => Promise<Ended>;

export interface ActionContext {
  readonly action: ActionSettings;
  readonly given: Given;
  readonly log: ActionsLog;
  readonly now: () => Date;
}

/** Results of a command. */
export interface Ended {
  readonly verdict: Exclude<Verdict, 'usage'>;
  /** Outputs, by their names in action.yml. */
  readonly outputs: Readonly<Record<string, string>>;
  /** Summary in Markdown. */
  readonly summary: string;
  /** Report for the notifier; without it nobody is notified. */
  readonly report?: RunReport;
}
