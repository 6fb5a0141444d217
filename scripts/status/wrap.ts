import { withMoments } from '../base/words.ts';

/** Where text begins in each line, in columns: the label stands before it. */
const TEXT_COLUMN = 13;
/** Columns of a label with the space around it. */
const LABEL_COLUMNS = 10;

/** A label, and text beside it that goes on below itself. */
export function labelled(label: string, text: string, width: number): string[] {
  const [first = '', ...rest] = wrap(withMoments(text), width - TEXT_COLUMN);
  return [
    `  ${label.padEnd(LABEL_COLUMNS)} ${first}`,
    ...rest.map((line) => `${' '.repeat(TEXT_COLUMN)}${line}`),
  ];
}

/** A command beside an arrow; a shell that gets its lines reads one command. */
export function arrowed(words: readonly string[], width: number): string[] {
  const indent = ' '.repeat(TEXT_COLUMN);
  const lines = filled(words, width - TEXT_COLUMN - 4);
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
