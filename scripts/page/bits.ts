import { lasting, moment } from '../base/words.ts';
import { type Html, html, type Part } from './html.ts';

/** Characters of a reason, of a line of evidence, and of a name on the page. The manifest has all of them. */
export const SHOWN_CHARACTERS = { reason: 300, evidence: 160, name: 80 } as const;
/** Rows of each part of the page at most, so that it stays within a size. */
export const SHOWN_ROWS = {
  databases: 12,
  notes: 20,
  engines: 6,
  scenarios: 64,
  changes: 8,
  files: 60,
  extras: 20,
} as const;

/** A time as absolute UTC, and in words as it was when the page was written; a script keeps the words true. */
export function timeAndAge(time: string, written: string): Html {
  return html`<time datetime="${time}">${moment(time)}</time> (${ago(time, written)})`;
}

/** The same in two lines: the age first, which is what a reader looks for. */
export function ageAndTime(time: string, written: string): Html {
  return html`${ago(time, written)}<span class="under">${timeOf(time)}</span>`;
}

/** The time since then in words, as it was when the page was written. */
export function ago(time: string, written: string, than = 'earlier'): Html {
  return html`<span data-ago="${time}">${before(time, written, than)}</span>`;
}

/** A time alone. */
export function timeOf(time: string): Html {
  return html`<time datetime="${time}">${moment(time)}</time>`;
}

/** Text that one click selects, and a script adds a button to. */
export function copyable(text: Part): Html {
  return html`<code class="copy">${text}</code>`;
}

/** A name of upstream's or of a tool's, no longer than a line. */
export function short(name: string, limit: number = SHOWN_CHARACTERS.name): string {
  return name.length > limit ? `${name.slice(0, limit).trimEnd()} …` : name;
}

/** A count with a separator between thousands, `6,647,427`. */
export function grouped(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+(?!\d))/g, ',');
}

function before(time: string, written: string, than: string): string {
  const age = Date.parse(written) - Date.parse(time);
  return age < 60_000 ? 'when this page was written' : `${lasting(age)} ${than}`;
}
