import type { Step } from '../../scripts/changes/step.ts';

/** A step of daily that added signatures with these names. */
export function stepWith(names: readonly string[], change: Partial<Step> = {}): Step {
  const added = { lines: names.length, names: [...names].sort() };
  return {
    ...{ database: 'daily', from: 1, to: 2, source: 'cdiff', built: '2026-11-28T08:00:00.000Z' },
    files: [{ file: 'daily.ldb', added }],
    ...change,
  };
}

/** A step that added this many signatures. */
export function bigStep(count: number, change: Partial<Step> = {}): Step {
  const { to = 2 } = change;
  const names = Array.from({ length: count }, (_, at) => `Win.Malware.Agent-${to * 1_000_000 + at}-0`);
  return stepWith(names, change);
}
