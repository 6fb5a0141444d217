import * as v from 'valibot';
import { parseJson } from '../../base/json.ts';
import { CYCLE_REPORT_BYTES } from '../../base/limits/daemon.ts';
import type { Outcome } from '../../cycle/report.ts';

/** `busy`: another run had the work folder. `died`: it ended without a report. `stopped`: we ended it. */
export type CycleOutcome = Outcome | 'busy' | 'died' | 'stopped';

/** How the process of a cycle ended. */
export interface CycleExit {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Reason why it could not be started, or was killed. */
  readonly why?: string;
}

const Text = v.string();
const Version = v.nullable(v.number());
const OutcomeSchema = v.picklist(['published', 'proven', 'unchanged', 'refused', 'failed']);

export const OUTCOMES: readonly CycleOutcome[] = [...OutcomeSchema.options, 'busy', 'died', 'stopped'];

/** The part of a cycle's report that is told here. Later versions may say more. */
const ReportSchema = v.object({
  outcome: OutcomeSchema,
  databases: v.record(
    Text,
    v.object({
      outcome: OutcomeSchema,
      from: Version,
      to: Version,
      code: v.optional(Text),
      reason: v.optional(Text),
    }),
  ),
  upstreamBytes: v.number(),
  duration: v.number(),
  error: v.optional(v.object({ code: Text, message: Text })),
});

export type ToldReport = v.InferOutput<typeof ReportSchema>;

/** A cycle that is over. */
export interface CycleEnd extends CycleExit {
  readonly outcome: CycleOutcome;
  readonly report: ToldReport | undefined;
}

/** Judges a cycle by what it printed as its report. A cycle always ends with one, unless it died. */
export function cycleEnd(exit: CycleExit, printed: string | undefined, isStopped: boolean): CycleEnd {
  const report = reportIn(printed);
  if (report === undefined) return { ...exit, outcome: isStopped ? 'stopped' : 'died', report };
  const isBusy = report.error?.code === 'file/busy';
  return { ...exit, outcome: isBusy ? 'busy' : report.outcome, report };
}

/** True if a cycle was told to leave upstream alone for a while. */
export function isCoolingDown({ report }: CycleEnd): boolean {
  const codes = [report?.error?.code, ...Object.values(report?.databases ?? {}).map(({ code }) => code)];
  return codes.includes('upstream/cool-down');
}

function reportIn(printed: string | undefined): ToldReport | undefined {
  if (printed === undefined) return undefined;
  try {
    const parsed = v.safeParse(ReportSchema, parseJson(printed, CYCLE_REPORT_BYTES));
    return parsed.success ? parsed.output : undefined;
  } catch {
    return undefined; // half a report, of a cycle that died while it printed
  }
}
