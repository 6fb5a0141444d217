/** Markdown out of words that may be anybody's: no markup, no mention, no link, one line. */
export function plain(text: string): string {
  return text
    .replace(/\p{Cc}+/gu, ' ')
    .replace(/&/g, '&amp;')
    .replace(/[<>@#`*_~|[\]\\]/g, (character) => `&#${character.charCodeAt(0)};`)
    .replace(/:\/\//g, ':&#47;&#47;')
    .replace(/\bwww\./gi, (word) => `${word.slice(0, -1)}&#46;`);
}

/** A table; its cells are Markdown already. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
