import { OUTPUT_BYTES, REPORT_BYTES } from '../base/limits/github.ts';
import type { RunReport } from './run-report.ts';

/** Limits of each attempt to shorten a report: lines of a log, characters of a text, databases. */
const ROOM = [
  { lines: 50, characters: 4000, databases: 1000 },
  { lines: 20, characters: 500, databases: 200 },
  { lines: 5, characters: 200, databases: 50 },
  { lines: 0, characters: 200, databases: 0 },
] as const;

/**
 * Writes a report as JSON, for the job that writes issues. If it does not fit into a variable, it loses what matters least:
 * the earlier lines of its logs, the ends of long texts, and all but the first versions.
 */
export function handedOn(report: RunReport): string {
  let text = JSON.stringify(report);
  for (const room of ROOM) {
    if (weightOf(text) <= REPORT_BYTES) return text;
    text = JSON.stringify(shortened(report, room));
  }
  return text;
}

/** True if an output fits into a variable beside a report. */
export function fits(output: string): boolean {
  return weightOf(output) <= OUTPUT_BYTES;
}

/** The first databases of a record: as many as an output takes. */
export function fewer<T>(byDatabase: Readonly<Record<string, T>>, most = 200): Record<string, T> {
  return Object.fromEntries(Object.entries(byDatabase).slice(0, most));
}

function shortened(
  { failures, serving, upstream, ...rest }: RunReport,
  { lines, characters, databases }: (typeof ROOM)[number],
): RunReport {
  const cut = (text: string) => (text.length <= characters ? text : `${text.slice(0, characters)} …`);
  return {
    ...rest,
    failures: failures.map((failure) => ({
      ...failure,
      code: cut(failure.code),
      what: cut(failure.what),
      ...(failure.advice !== undefined && { advice: cut(failure.advice) }),
      log: failure.log.slice(failure.log.length - Math.min(lines, failure.log.length)).map(cut),
    })),
    serving: serving && { ...serving, versions: fewer(serving.versions, databases) },
    upstream: fewer(upstream, databases),
  };
}

/** Bytes of a text within JSON, with all that is not ASCII escaped. */
function weightOf(text: string): number {
  const json = JSON.stringify(text);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: everything beyond ASCII
  return json.length + 5 * (json.length - json.replace(/[^\x00-\x7f]/g, '').length);
}
