import type { FailureClass } from '../run-report.ts';

/** One piece of news for receivers of alerts, before it takes the form of any of them. */
export interface Message {
  readonly event: 'failing' | 'still-failing' | 'well' | 'published' | 'test';
  readonly at: string;
  /** Id of the mirror, its public address if it has one, and the machine that tells. */
  readonly mirror: { readonly id: string; readonly url: string | undefined; readonly machine: string };
  /** Headline. Like all other words of a message but those of `failure`, it is our own. */
  readonly title: string;
  /** Sentences below it. */
  readonly text: readonly string[];
  readonly failure?: MessageFailure;
  /** Versions that clients get, and those that upstream offers. */
  readonly versions: Readonly<Record<string, VersionRow>>;
  /** Page with more: of the run, or of the mirror. */
  readonly link?: string;
}

export interface MessageFailure {
  readonly class: FailureClass;
  readonly code: string;
  /** Words from outside, harmless for a terminal and without mentions. Each channel escapes them for itself. */
  readonly what: string;
  readonly advice: string;
  /** More from outside: advice of the error itself. */
  readonly more: string;
  readonly since: string;
  readonly runs: number;
}

export interface VersionRow {
  readonly served: number | null;
  readonly upstream: number | null;
  /** Version that was served before, in news of a publication. */
  readonly before?: number | null;
}

/** `daily 28000 (upstream offers 28001)`, one for each database. */
export function versionLines({ versions, event }: Message): string[] {
  return Object.entries(versions).map(([database, { served, upstream, before }]) => {
    if (event === 'published') return `${database} ${before ?? 'none'} → ${served ?? 'none'}`;
    const offered = upstream === null || upstream === served ? '' : ` (upstream offers ${upstream})`;
    return `${database} ${served ?? 'unknown'}${offered}`;
  });
}

/** The text up to so many characters, each escaped; an escape is never cut. */
export function escapedWithin(text: string, limit: number, escaped: (character: string) => string): string {
  const pieces = Array.from(text.slice(0, limit + 1), (character) => escaped(character)); // none gets shorter
  let whole = '';
  for (const [at, piece] of pieces.entries()) {
    const length = whole.length + piece.length;
    if (length > limit || (length === limit && at < pieces.length - 1)) return `${whole}…`;
    whole += piece;
  }
  return whole;
}

/** The text up to so many characters. */
export function within(text: string, limit: number): string {
  return escapedWithin(text.toWellFormed(), limit, (character) => character);
}
