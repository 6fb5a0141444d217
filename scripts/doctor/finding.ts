import { explain, MirrorError } from '../base/errors.ts';

/** Result of one check. A good result may have advice too. */
export type Seen =
  | { readonly ok: true; readonly found: string; readonly advice?: string }
  | { readonly ok: false; readonly found: string; readonly advice: string }
  | { readonly skipped: true; readonly found: string };

/** A check with its result. `found` may quote others: escape it before printing. */
export type Finding = { readonly check: string } & Seen;

export function good(found: string, advice?: string): Seen {
  return { ok: true, found, ...(advice === undefined ? {} : { advice }) };
}

/** Makes a fault. `advice` is the command to type next, if there is one. */
export function bad(found: string, advice: string): Seen {
  return { ok: false, found, advice };
}

/** Makes the result of a check that does not apply. */
export function skipped(found: string): Seen {
  return { skipped: true, found };
}

export function isBad(seen: Seen): boolean {
  return 'ok' in seen && !seen.ok;
}

/** Makes a fault of an error: its message, with the better advice if given, else its own. */
export function badBy(error: unknown, better?: string): Seen {
  const own = adviceOf(error);
  const whole = explain(error);
  const end = `. ${own}`;
  const found = own !== undefined && whole.endsWith(end) ? whole.slice(0, -end.length) : whole;
  return bad(found, better ?? own ?? 'Correct that, then run this again');
}

/** Walks the causes of an error, itself first. */
export function* causesOf(error: unknown): Generator<unknown> {
  let at = error;
  for (let depth = 0; at !== undefined && depth < 8; depth++) {
    yield at;
    at = at instanceof AggregateError && at.errors.length > 0 ? at.errors[0] : Object(at).cause;
  }
}

function adviceOf(error: unknown): string | undefined {
  for (const at of causesOf(error))
    if (at instanceof MirrorError && at.advice !== undefined) return at.advice;
  return undefined;
}
