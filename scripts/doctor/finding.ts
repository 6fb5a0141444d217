import { explain, MirrorError } from '../base/errors.ts';

/** What one check saw. What is no fault may have advice too. */
export type Seen =
  | { readonly ok: true; readonly found: string; readonly advice?: string }
  | { readonly ok: false; readonly found: string; readonly advice: string }
  | { readonly skipped: true; readonly found: string };

/** `found` holds others' words: whoever prints it must escape them. */
export type Finding = { readonly check: string } & Seen;

export function good(found: string, advice?: string): Seen {
  return { ok: true, found, ...(advice === undefined ? {} : { advice }) };
}

/** `advice` is the next thing to type, where there is one. */
export function bad(found: string, advice: string): Seen {
  return { ok: false, found, advice };
}

/** Of a check that has nothing to look at. */
export function skipped(found: string): Seen {
  return { skipped: true, found };
}

export function isBad(seen: Seen): boolean {
  return 'ok' in seen && !seen.ok;
}

/** An error as a fault: what it says, and what is to be done by its own advice, if no better is given. */
export function badBy(error: unknown, better?: string): Seen {
  const own = adviceOf(error);
  const whole = explain(error);
  const end = `. ${own}`;
  const found = own !== undefined && whole.endsWith(end) ? whole.slice(0, -end.length) : whole;
  return bad(found, better ?? own ?? 'Mend that, then run this again');
}

/** The causes of an error, itself first. */
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
