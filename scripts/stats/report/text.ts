import { bytes, counted, moment } from '../../base/words.ts';
import { grouped } from '../../page/bits.ts';
import type { Ranking, StatsReport } from './report.ts';
import { caveats, KIND_WORDS, many, spanOf } from './words.ts';

/** Clients, days and names of each list that people are shown; --json has more. */
const SHOWN = { clients: 10, days: 14, names: 10, programs: 10 } as const;

/** A report for people. Everything from a log is printed through the log, which escapes it. */
export function statsText(report: StatsReport): string[] {
  const { requests, kinds, clients, days, programs, databases } = report;
  return [
    `${spanOf(report)}: ${many(clients, 'client')}, ${many(requests, 'request')}, ${bytes(report.bytes)} sent`,
    '',
    ...table(
      ['Answers', 'Requests', 'Bytes'],
      KIND_WORDS.filter(([kind]) => kinds[kind].requests > 0).map(([kind, words]) => [
        ...[words, grouped(kinds[kind].requests), bytes(kinds[kind].bytes)],
      ]),
    ),
    ...table(
      ['Day', 'Clients', 'Requests', 'Sent', 'CDIFFs', 'Whole CVDs'],
      days
        .slice(-SHOWN.days)
        .map((day) => [
          ...[day.day, grouped(day.clients), grouped(day.requests), bytes(day.bytes)],
          ...[
            `${grouped(day.cdiffs)} (${bytes(day.cdiffBytes)})`,
            `${grouped(day.wholes)} (${bytes(day.wholeBytes)})`,
          ],
        ]),
    ),
    ...table(
      ['Program', 'Clients', 'Requests', 'Sent'],
      programs.listed
        .slice(0, SHOWN.programs)
        .map((one) => [one.name, grouped(one.clients), grouped(one.requests), bytes(one.bytes)]),
    ),
    ...table(
      ['Database', 'Newest', 'For a day', 'Current', 'Behind', 'Silent', 'Unknown'],
      Object.entries(databases)
        .filter(([, { newest }]) => newest !== null)
        .map(([name, { newest, expected, clients: of }]) => [
          ...[name, String(newest), String(expected ?? '-')],
          ...[of.current, of.behind, of.silent, of.unknown].map((count) => grouped(count)),
        ]),
    ),
    ...listed(
      'Not on the version that is a day old',
      report.behind.count,
      report.behind.listed.map(
        (one) =>
          `${one.address} ${one.client}, ${one.program}: ${one.database} ${one.version}, last seen ${moment(one.last)}`,
      ),
    ),
    ...listed(
      'Take whole CVDs day by day',
      report.takers.count,
      report.takers.listed.map(
        (one) =>
          `${one.address} ${one.client}, ${one.program}: on ${one.takingDays} of ${counted(one.days, 'day')}, ${counted(one.downloads, 'download')}, ${bytes(one.bytes)}`,
      ),
    ),
    ...names('Not found (404)', report.notFound),
    ...names('Refused (403): a freshclam that meets it stays away for a day', report.forbidden),
    ...notes(report),
  ];
}

function notes(report: StatsReport): string[] {
  const { listed: quoted } = report.broken;
  return [
    ...caveats(report),
    ...quoted.map(({ log, line, fault, text }) => `  ${log}, line ${line} (${fault}): ${text}`),
  ];
}

function names(title: string, { requests, listed: all, others }: Ranking): string[] {
  if (requests === 0) return [];
  const shown = all.slice(0, SHOWN.names);
  const rest = requests - shown.reduce((sum, one) => sum + one.requests, 0);
  const hidden = all.length - shown.length + others.names;
  return [
    title,
    ...shown.map((one) => `  ${grouped(one.requests)}  ${one.name}`),
    ...(hidden > 0 ? [`  ${grouped(rest)}  of other names`] : []),
    '',
  ];
}

function listed(title: string, count: number, lines: readonly string[]): string[] {
  if (count === 0) return [];
  const shown = lines.slice(0, SHOWN.clients);
  const more = count > shown.length ? [`  and ${grouped(count - shown.length)} more`] : [];
  return [`${title}: ${grouped(count)}`, ...shown.map((line) => `  ${line}`), ...more, ''];
}

/** Columns as wide as they need to be, numbers to the right; nothing without a row. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  if (rows.length === 0) return [];
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  const lines = all.map((row) =>
    row
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  '),
  );
  return [...lines, ''];
}
