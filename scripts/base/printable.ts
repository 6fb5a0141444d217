/**
 * Makes others' words safe for a terminal, a log file and a runner. Everything that prints goes through here (log.ts,
 * action/actions-log.ts), so no caller has to remember it.
 */

/**
 * Characters that a terminal obeys, or that make a line look like another one: control characters, direction overrides
 * and other invisible characters, line separators. A tab stays.
 */
const OBEYED = /(?!\t)[\p{Cc}\p{Cf}\p{Co}\p{Zl}\p{Zp}]/gu;

/** Text in one line, with a question mark for each character that a terminal would obey. */
export function printable(text: string): string {
  return text.toWellFormed().replace(OBEYED, '?');
}

/** Text of several lines, each safe for a log. */
export function printableText(text: string): string {
  return text
    .split(/\r?\n/)
    .map((line) => logLine(line))
    .join('\n');
}

/**
 * A whole line of a log that no runner of GitHub Actions takes for a command. A runner reads all logs, and obeys a line
 * that begins with `::` or has `##[` anywhere (actions/runner, ActionCommand.cs).
 */
export function logLine(text: string): string {
  return printable(text)
    .replace(/^(\s*):(?=:)/, '$1: ')
    .replace(/##(?=\[)/g, '# #');
}

/** JSON of a value, in which characters that a terminal or runner would obey are escaped. */
export function printableJson(value: unknown, indentation?: number): string {
  return JSON.stringify(value, undefined, indentation)
    .replace(/(?!\n)[\p{Cc}\p{Cf}\p{Co}\p{Zl}\p{Zp}]/gu, escaped)
    .replace(/##(?=\[)/g, '#\\u0023');
}

function escaped(character: string): string {
  const units = Array.from({ length: character.length }, (_, at) => character.charCodeAt(at));
  return units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('');
}
