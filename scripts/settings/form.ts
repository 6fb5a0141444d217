import * as v from 'valibot';
import { yesOrNo } from './boolean.ts';
import type { Option } from './option.ts';

/** A kind of value. Flags and variables write it as text, a file as the JSON that people expect. */
export type Form =
  | { readonly kind: 'text'; readonly choices?: readonly string[] }
  /** A path of this machine; in a file it starts from the file's folder. */
  | { readonly kind: 'path' }
  | { readonly kind: 'switch' }
  | { readonly kind: 'number'; readonly least: number; readonly most: number }
  /** Several words: a list in a file, a flag that may stand several times, and one text with separators. */
  | { readonly kind: 'list'; readonly separator: ',' | '\n' };

/** Marks a schema of texts with the kind of value that they stand for. */
export const hasForm = (form: Form) => v.metadata<string, { readonly form: Form }>({ form });

/** The kind of value of an option: what its schema is marked with, else text. */
export function formOf({ value, schema, isRepeatable }: Option): Form {
  if (value === undefined) return { kind: 'switch' };
  if (isRepeatable) return { kind: 'list', separator: '\n' };
  const { form } = v.getMetadata(schema) as { readonly form?: Form };
  if (form !== undefined) return form;
  const choices = 'options' in schema && Array.isArray(schema.options) ? schema.options.map(String) : [];
  return choices.length === 0 ? { kind: 'text' } : { kind: 'text', choices };
}

/** The text that a flag has, as the value that a file has. */
export function jsonOf(form: Form, text: string): string | number | boolean | string[] {
  if (form.kind === 'number') return Number(text);
  if (form.kind === 'switch') return yesOrNo(text) === true;
  return form.kind === 'list' ? wordsIn(text, form.separator) : text;
}

/** The words of a list; a newline separates them too. */
export function wordsIn(text: string, separator: ',' | '\n' = ','): string[] {
  const words = text.split(separator === ',' ? /[,\n]/ : /\n/).map((word) => word.trim());
  return words.filter((word) => word !== '');
}

/** A word of a list, for patterns of JSON Schema too. */
export function wordPattern({ separator }: Extract<Form, { kind: 'list' }>): string {
  return separator === ',' ? '^[^,\\n]*[^,\\s][^,\\n]*$' : '^.*\\S.*$';
}
