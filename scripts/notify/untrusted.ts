/** Upstream's words in a text that GitHub renders: they must neither mention, link nor refer, nor look like ours. */

/** Longer than any run of backticks that `fenced` lets through, so that nothing inside can end the block. */
const FENCE = '`'.repeat(10);
const LONGEST_LINE = 500;

/** A code block of at most `limit` characters of text; what is too long keeps its beginning. */
export function fenced(text: string, limit: number): string {
  const harmless = disarmed(cut(text, limit)).replace(/`{9,}/g, '`'.repeat(8));
  return `${FENCE}text\n${cut(harmless, limit)}\n${FENCE}`;
}

/** A code block of the last lines of a log, of at most so many characters of text. */
export function fencedLog(log: readonly string[], lines: number, limit: number): string {
  const last = log.slice(-lines).map((line) => disarmed(cut(line, LONGEST_LINE)));
  while (last.length > 1 && last.join('\n').length > limit) last.shift();
  return fenced(last.join('\n'), limit);
}

/** Inline code, in one line. */
export function code(text: string): string {
  return `\`${oneLine(text).replaceAll('`', "'").replaceAll('|', '/') || '?'}\``;
}

/** Plain text in one line, for annotations and logs. */
export function oneLine(text: string): string {
  return cut(disarmed(cut(text, LONGEST_LINE)).replace(/\s+/g, ' ').trim(), LONGEST_LINE);
}

/** Without terminal codes, invisible and control characters, `@`, and the passwords of URLs. */
function disarmed(text: string): string {
  return (
    text
      .toWellFormed()
      // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences are what is taken out
      .replace(/\x1b\[[\d;?]*[ -/]*[A-Za-z]/g, '')
      .replace(/\r\n?/g, '\n')
      .replace(/(?![\n\t])[\p{Cc}\p{Cf}\p{Co}\p{Zl}\p{Zp}]/gu, '?')
      .replace(/\/\/[^\s/]*@/g, '//***@')
      .replaceAll('@', '＠')
  );
}

function cut(text: string, limit: number): string {
  return text.length <= limit ? text : `${text.slice(0, limit - 2).toWellFormed()} …`;
}
