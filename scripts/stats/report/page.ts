import { HISTORY_DAYS } from '../../base/limits/page.ts';
import { VERSION } from '../../base/version.ts';
import { bytes, moment } from '../../base/words.ts';
import { grouped, short } from '../../page/bits.ts';
import { bars, type Point } from '../../page/chart.ts';
import { type Html, html, markup, type Part } from '../../page/html.ts';
import { hashOf, PAGE_MARK, STYLE } from '../../page/page.ts';
import type { Ranking, StatsReport } from './report.ts';
import { caveats, KIND_WORDS, many, spanOf } from './words.ts';

const DAY_MS = 24 * 3600 * 1000;

/** Policy by which a browser shows the style of this page, and runs and loads nothing. */
const POLICY = `default-src 'none'; img-src data:; style-src ${hashOf(STYLE)}; base-uri 'none'; form-action 'none'`;

/** Renders a report as a page that needs no script and asks for nothing. Everything from a log becomes text. */
export function statsPage(report: StatsReport): string {
  return `<!doctype html>
${html`<html lang="en">
<head>
<meta charset="utf-8">
${markup(PAGE_MARK)}${VERSION}">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>ClamAV mirror: who takes what</title>
<link rel="icon" href="data:,">
<style>${markup(STYLE)}</style>
</head>
<body>
<header><p><span>ClamAV mirror</span> <b>statistics</b></p></header>
<main>
<h1>${many(report.clients, 'client')}</h1>
<p>${spanOf(report)}: ${many(report.requests, 'request')}, ${bytes(report.bytes)} sent. Written ${moment(report.written)}.</p>
${charts(report)}
${section('Answers', table(['', 'Requests', 'Bytes'], answers(report)))}
${section('Programs', table(['', 'Clients', 'Requests', 'Bytes'], programs(report)))}
${section('Versions of clients', [table(VERSION_HEAD, versions(report)), html`<p class="quiet">${VERSION_NOTE}</p>`])}
${report.behind.count > 0 && section(`Behind: ${grouped(report.behind.count)}`, table(BEHIND_HEAD, behind(report)))}
${report.takers.count > 0 && section(`Whole CVDs day by day: ${grouped(report.takers.count)}`, table(TAKER_HEAD, takers(report)))}
${names('Not found (404)', report.notFound)}
${names('Refused (403)', report.forbidden)}
${section('Days', table(DAY_HEAD, days(report)))}
${section(
  'What is left out',
  html`<ul>${caveats(report).map((one) => html`<li>${one}</li>`)}${report.broken.listed.map(
    ({ log, line, fault, text }) => html`<li>${log}, line ${line} (${fault}): <code>${text}</code></li>`,
  )}</ul>`,
)}
</main>
<footer>
<p>For programs: <a href="stats.json">stats.json</a>. Written by clamav-mirror ${VERSION}.</p>
</footer>
</body>
</html>`}
`;
}

const VERSION_HEAD = ['', 'Newest', 'A day old', 'Current', 'Behind', 'Silent', 'Unknown'];
const VERSION_NOTE =
  'Beside the version that is a day old: behind has come since it was there, and has an earlier one; silent has not come since, as a client that asks DNS does if it is current.';
const BEHIND_HEAD = ['Client', 'Program', 'Database', 'Version', 'Last seen'];
const TAKER_HEAD = ['Client', 'Program', 'Days', 'Downloads', 'Bytes'];
const DAY_HEAD = ['', 'Clients', 'Requests', 'Bytes', 'CDIFFs', 'Whole CVDs', 'Their takers'];

/** Bars of the last ninety days up to the end of the logs. */
function charts({ days: all, to }: StatsReport): Html | false {
  if (all.length < 2 || to === null) return false;
  const end = Date.parse(to.slice(0, 10));
  const at = (day: string) => HISTORY_DAYS - 1 - Math.round((end - Date.parse(day)) / DAY_MS);
  const points = (value: (day: StatsReport['days'][number]) => number): Point[] =>
    all.flatMap((day) => (at(day.day) < 0 ? [] : [{ at: at(day.day), value: value(day) }]));
  const last = to.slice(0, 10);
  const chart = (
    title: string,
    says: string,
    back: Point[],
    front: Point[],
    words: (value: number) => string,
  ) =>
    html`<figure><figcaption><h3>${title}</h3><p class="quiet">${says}</p></figcaption>${bars(back, front, `${title} by day`, words, last)}</figure>`;
  return html`
<section aria-labelledby="charts">
<h2 id="charts">The last 90 days of the logs</h2>
<div class="charts">
${chart(
  'Clients',
  'The dark part took a whole CVD.',
  points(({ clients }) => clients),
  points(({ takers: some }) => some),
  grouped,
)}
${chart(
  'Bytes sent',
  'The dark part is CDIFFs.',
  points((day) => day.bytes),
  points(({ cdiffBytes }) => cdiffBytes),
  bytes,
)}
</div>
</section>`;
}

function answers({ kinds }: StatsReport): Part[][] {
  return KIND_WORDS.map(([kind, words]) => [words, grouped(kinds[kind].requests), bytes(kinds[kind].bytes)]);
}

function programs({ programs: { listed } }: StatsReport): Part[][] {
  return listed.map((one) => [
    short(one.name),
    grouped(one.clients),
    grouped(one.requests),
    bytes(one.bytes),
  ]);
}

function versions({ databases }: StatsReport): Part[][] {
  return Object.entries(databases).map(([name, { newest, expected, clients: of }]) => [
    ...[short(name), newest ?? '–', expected ?? '–', grouped(of.current), grouped(of.behind)],
    ...[grouped(of.silent), grouped(of.unknown)],
  ]);
}

function behind({ behind: { listed } }: StatsReport): Part[][] {
  return listed.map((one) => [
    ...[`${one.address} ${one.client}`, short(one.program), short(one.database)],
    ...[one.version, moment(one.last)],
  ]);
}

function takers({ takers: { listed } }: StatsReport): Part[][] {
  return listed.map((one) => [
    ...[`${one.address} ${one.client}`, short(one.program), `${one.takingDays} of ${one.days}`],
    ...[grouped(one.downloads), bytes(one.bytes)],
  ]);
}

function days({ days: all }: StatsReport): Part[][] {
  return all
    .toReversed()
    .map((day) => [
      ...[day.day, grouped(day.clients), grouped(day.requests), bytes(day.bytes)],
      ...[
        `${grouped(day.cdiffs)} (${bytes(day.cdiffBytes)})`,
        `${grouped(day.wholes)} (${bytes(day.wholeBytes)})`,
      ],
      grouped(day.takers),
    ]);
}

function names(title: string, { requests, listed, others }: Ranking): Html | false {
  if (requests === 0) return false;
  const rows = listed.map((one): Part[] => [short(one.name), grouped(one.requests)]);
  if (others.requests > 0) rows.push(['other names', grouped(others.requests)]);
  return section(`${title}: ${grouped(requests)}`, table(['', 'Requests'], rows));
}

/** A part of the page; its heading names it. */
function section(title: string, content: Part): Html {
  return html`
<section aria-label="${title}">
<h2>${title}</h2>
${content}
</section>`;
}

function table(head: readonly string[], rows: readonly (readonly Part[])[]): Html {
  return html`<div class="scroll">
<table><thead><tr>${head.map((name) => html`<th scope="col">${name}</th>`)}</tr></thead>
<tbody>${rows.map(
    ([
      first,
      ...cells
    ]) => html`<tr><th scope="row">${first}</th>${cells.map((cell) => html`<td>${cell}</td>`)}</tr>
`,
  )}</tbody></table></div>`;
}
