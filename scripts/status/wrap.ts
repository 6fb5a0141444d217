import { withMoments } from '../base/words.ts';

/** Where text begins in each line, in columns: the label stands before it. */
const COLUMN = 13;
/** Columns of a label with the space around it. */
const LABEL = 10;

/** A label, and text beside it that goes on below itself. */
export function labelled(label: string, text: string, width: number): string[] {
  const [first = '', ...rest] = wrap(withMoments(text), width - COLUMN);
  return [`  ${label.padEnd(LABEL)} ${first}`, ...rest.map((line) => `${' '.repeat(COLUMN)}${line}`)];
}

/** A command beside an arrow; a shell that gets its lines reads one command. */
export function arrowed(words: readonly string[], width: number): string[] {
  const indent = ' '.repeat(COLUMN);
  const lines = filled(words, width - COLUMN - 4);
  return lines.map((line, at) => {
    const end = at < lines.length - 1 ? ' \\' : '';
    return `${indent}${at === 0 ? '→ ' : '  '}${line}${end}`;
  });
}

/** Breaks at spaces only; a word that is longer than a line has one to itself, so that it can be copied. */
export function wrap(text: string, width: number): string[] {
  return filled(text.split(' '), width);
}

function filled(words: readonly string[], width: number): string[] {
  const lines: string[] = [];
  for (const word of words) {
    const line = lines.at(-1);
    if (line !== undefined && line.length + 1 + word.length <= width)
      lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(word);
  }
  return lines;
}
