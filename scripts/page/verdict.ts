/** State of a mirror at one moment, the most urgent one that holds. */
export type Verdict =
  | 'stale'
  | 'ageing'
  | 'refused'
  | 'failing'
  | 'cooling down'
  | 'waiting'
  | 'pinned'
  | 'well';

const HOUR_MS = 60 * 60_000;
/** Milliseconds since the last successful check after which a mirror ages, and after which it is stale. */
export const AGEING_MS = 24 * HOUR_MS;
export const STALE_MS = 48 * HOUR_MS;
/**
 * Milliseconds after which a page that was not written anew shows that nothing writes it. Schedules run a cycle every six
 * hours at least (site/workflows.md).
 */
export const STILL_MS = 8 * HOUR_MS;

/** Judges by age first: what clients lack matters more than why. */
export function verdictOf(facts: {
  readonly now: Date;
  readonly checked: string;
  readonly databases: readonly { readonly pinned: unknown }[];
  /** The newest cycle. */
  readonly lastTried: { readonly problems: readonly { readonly code: string }[] } | null;
  readonly coolDown: unknown;
}): Verdict {
  const { now, checked, databases, lastTried, coolDown } = facts;
  const age = now.getTime() - Date.parse(checked);
  if (!(age < STALE_MS)) return 'stale';
  if (age >= AGEING_MS) return 'ageing';
  const problems = lastTried?.problems ?? [];
  const isWaiting = problems.some(({ code }) => code === WAITING);
  if (problems.some(({ code }) => REFUSED.test(code) && code !== WAITING)) return 'refused';
  if (coolDown !== null || problems.some(({ code }) => code === COOLING)) return 'cooling down';
  if (problems.some(({ code }) => code !== WAITING)) return 'failing';
  if (isWaiting) return 'waiting';
  return databases.some(({ pinned }) => pinned !== null) ? 'pinned' : 'well';
}

/** True for a code that blames what upstream offered. */
export function isRefused(code: string): boolean {
  return REFUSED.test(code);
}

const REFUSED = /^(verify|cvd|proof)\//;
const WAITING = 'proof/waiting';
const COOLING = 'upstream/cool-down';
