import { ISSUE } from '../base/limits/github.ts';
import { printable } from '../base/printable.ts';
import { withMoments } from '../base/words.ts';

/**
 * Escapes text from outside for GitHub's Markdown, so that it cannot mention, link, refer, or pass for our own. Every such
 * text in an issue, comment or summary goes through one of these functions.
 */

/** Longer than any run of backticks that `fenced` lets through, so that nothing inside can end the block. */
const FENCE = '`'.repeat(10);

/** Escapes words for running text or a table cell: nothing is cut, and all is in one line. */
export function plain(text: string): string {
  return printable(withMoments(text).replace(/\s+/g, ' '))
    .replace(/&/g, '&amp;')
    .replace(/[<>@#`*_~|[\]\\$]/g, (character) => `&#${character.charCodeAt(0)};`)
    .replace(/:\/\//g, ':&#47;&#47;')
    .replace(/\bwww\./gi, (word) => `${word.slice(0, -1)}&#46;`);
}

/** Makes a link; `text` is Markdown already. Without an http(s) URL only the text is left. */
export function link(text: string, url: string): string {
  const target = URL.parse(url);
  if (target === null || !/^https?:$/.test(target.protocol)) return text;
  return `[${text}](${target.href.replace(/[()[\]<>`|\\'*_~$]/g, percentEncoded)})`;
}

/** Makes a table; its cells are Markdown already. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

/** Makes a code block of at most `limit` characters; a longer text keeps its beginning. */
export function fenced(text: string, limit: number): string {
  const harmless = disarmed(cut(withMoments(text), limit)).replace(/`{9,}/g, '`'.repeat(8));
  return `${FENCE}text\n${cut(harmless, limit)}\n${FENCE}`;
}

/** Makes a code block of the last `lines` lines of a log, with at most `limit` characters. */
export function fencedLog(log: readonly string[], lines: number, limit: number): string {
  const last = log.slice(-lines).map((line) => disarmed(cut(line, ISSUE.line)));
  while (last.length > 1 && last.join('\n').length > limit) last.shift();
  return fenced(last.join('\n'), limit);
}

/** Makes inline code, in one line. */
export function code(text: string): string {
  return `\`${oneLine(text).replaceAll('`', "'").replaceAll('|', '/') || '?'}\``;
}

/** Makes plain text of one line, for annotations, logs and alerts. */
export function oneLine(text: string, limit: number = ISSUE.line): string {
  const line = disarmed(cut(withMoments(text), limit)).replace(/\s+/g, ' ');
  return cut(line.trim(), limit);
}

/** Removes terminal codes, mentions, and the passwords of URLs; keeps printable lines. */
function disarmed(text: string): string {
  return (
    text
      // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences are what is taken out
      .replace(/\x1b\[[\d;?]*[ -/]*[A-Za-z]/g, '')
      .split(/\r\n?|\n/)
      .map((line) => printable(line))
      .join('\n')
      .replace(/\/\/[^\s/]*@/g, '//***@')
      .replaceAll('@', '＠')
  );
}

function cut(text: string, limit: number): string {
  return text.length <= limit ? text : `${text.slice(0, limit - 2).toWellFormed()} …`;
}

function percentEncoded(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
}
