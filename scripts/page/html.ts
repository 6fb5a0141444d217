import { printable } from '../base/printable.ts';

/** Markup that `html` or `markup` made, so that it is safe to put into a page. */
export class Html {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  toString(): string {
    return this.text;
  }
}

/** A value within a template: text is escaped, markup stays, lists are joined, nothing is left out. */
export type Part = Html | string | number | false | null | undefined | readonly Part[];

/**
 * Tag of a template: whatever is put in becomes text, never markup, and cannot leave a quoted attribute. Characters that
 * are invisible or turn the direction of text become question marks.
 */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Html {
  return new Html(strings.reduce((text, string, at) => text + written(parts[at - 1]) + string));
}

/** Marks a text of this project's own as markup. Nothing that comes from outside may be put in. */
export function markup(text: string): Html {
  return new Html(text);
}

/** Text with every character escaped that means something in HTML or XML. Line breaks stay. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"'`]/g, (character) => `&#${character.charCodeAt(0)};`);
}

function written(part: Part): string {
  if (part === undefined || part === null || part === false) return '';
  if (part instanceof Html) return part.text;
  if (Array.isArray(part)) return part.map((one: Part) => written(one)).join('');
  return escapeHtml(printable(String(part)));
}
