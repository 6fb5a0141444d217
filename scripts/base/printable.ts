/**
 * Others' words, made fit for a terminal, a log file and a runner. Whatever prints goes through here (log.ts,
 * action/actions-log.ts): no caller has to remember it.
 */

/**
 * Characters that a terminal obeys or that make a line look like another one: control characters, direction overrides
 * and other invisible ones, line separators. A tab stays.
 */
const OBEYED = /(?!\t)[\p{Cc}\p{Cf}\p{Co}\p{Zl}\p{Zp}]/gu;

/** Text in one line, with a question mark in the place of each character that a terminal would obey. */
export function printable(text: string): string {
  return text.toWellFormed().replace(OBEYED, '?');
}

/** Text of several lines, each fit for a log. */
export function printableText(text: string): string {
  return text
    .split(/\r?\n/)
    .map((line) => logLine(line))
    .join('\n');
}

/**
 * A whole line of a log. A runner of GitHub Actions reads the logs of all commands, and takes a line for a command of
 * its own that begins with `::` or has `##[` anywhere (actions/runner, ActionCommand.cs): this is none.
 */
export function logLine(text: string): string {
  return printable(text)
    .replace(/^(\s*):(?=:)/, '$1: ')
    .replace(/##(?=\[)/g, '# #');
}

/** JSON that says the same as any other, in characters that no terminal or runner obeys. */
export function printableJson(value: unknown, indentation?: number): string {
  return JSON.stringify(value, undefined, indentation)
    .replace(/(?!\n)[\p{Cc}\p{Cf}\p{Co}\p{Zl}\p{Zp}]/gu, escaped)
    .replace(/##(?=\[)/g, '#\\u0023');
}

function escaped(character: string): string {
  const units = Array.from({ length: character.length }, (_, at) => character.charCodeAt(at));
  return units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('');
}
