import { withMoments } from '../base/words.ts';

/** Column in which the text of each line begins, after the label. */
const TEXT_COLUMN = 13;
/** Width of a label with the space around it. */
const LABEL_COLUMNS = 10;

/** Puts text beside a label, wrapped into a column of its own. */
export function labelled(label: string, text: string, width: number): string[] {
  const [first = '', ...rest] = wrap(withMoments(text), width - TEXT_COLUMN);
  return [
    `  ${label.padEnd(LABEL_COLUMNS)} ${first}`,
    ...rest.map((line) => `${' '.repeat(TEXT_COLUMN)}${line}`),
  ];
}

/** Puts a command beside an arrow. Copied as a whole, its lines are one command. */
export function arrowed(words: readonly string[], width: number): string[] {
  const indent = ' '.repeat(TEXT_COLUMN);
  const lines = filled(words, width - TEXT_COLUMN - 4);
  return lines.map((line, at) => {
    const end = at < lines.length - 1 ? ' \\' : '';
    return `${indent}${at === 0 ? '→ ' : '  '}${line}${end}`;
  });
}

/** Breaks text at spaces only. A word longer than a line gets its own line, so that it can be copied. */
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
