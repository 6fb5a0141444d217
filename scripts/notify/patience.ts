import type { FailureClass } from './run-report.ts';

/** Earlier runs, from GitHub's record of a workflow, or from a memory of our own. */
export interface EarlierRuns {
  /** Runs that failed in a row just before this one. */
  readonly failed: number;
  readonly lastGood: { readonly at: string; readonly url?: string } | undefined;
}

/** Failures that mostly pass by themselves. */
const PASSING: ReadonlySet<FailureClass> = new Set(['upstream', 'publication', 'host']);

/** True if a failure deserves to be told now. One that may pass must first fail `patience` runs in a row. */
export function isDue(failed: FailureClass, earlier: EarlierRuns | undefined, patience: number): boolean {
  return !PASSING.has(failed) || earlier === undefined || earlier.failed + 1 >= patience;
}
