import { HISTORY_DAYS } from '../../base/limits/page.ts';
import { bytes, took } from '../../base/words.ts';
import { grouped, short } from '../bits.ts';
import { bars, type Dot, dots, type Point, steps } from '../chart.ts';
import type { History, PastDay } from '../history.ts';
import { type Html, html } from '../html.ts';
import type { Status } from '../status.ts';

/** Databases with charts of their own: those with the most signatures. */
const CHARTED = 3;
const HOUR_SECONDS = 3600;
const DAY_MS = 24 * HOUR_SECONDS * 1000;

/** The last ninety days as charts, and the same as a table. */
export function days({ days: all }: History, status: Status, isBrief: boolean): Html | undefined {
  const end = Date.parse(status.written.slice(0, 10));
  const at = ({ day }: PastDay) => HISTORY_DAYS - 1 - Math.round((end - Date.parse(day)) / DAY_MS);
  const shown = all.filter((one) => at(one) >= 0 && at(one) < HISTORY_DAYS);
  if (shown.length < 2) return undefined;
  const names = chartedNames(status);
  const points = (value: (day: PastDay) => number | undefined): Point[] =>
    shown.flatMap((day) => {
      const found = value(day);
      return found === undefined ? [] : [{ at: at(day), value: found }];
    });
  const ages = names.map((name) => points((day) => hours(day.databases[name]?.age)));
  const [upstream, whole] = [sum(shown, 'upstreamBytes'), sum(shown, 'wholeBytes')];
  const longest = largest(shown.map(({ seconds }) => seconds));
  return html`
<section aria-labelledby="days">
<h2 id="days">The last 90 days</h2>
<div class="charts">
${figure(
  'Signatures',
  'Each line between its own lowest and highest count.',
  names.map((name) => {
    const line = points((day) => day.databases[name]?.signatures);
    return html`<p class="series">${short(name)} <b>${grouped(line.at(-1)?.value ?? 0)}</b> ${growth(line)}</p>
${steps(line, `Signatures of ${name} by day`)}`;
  }),
)}
${figure(
  'Age when published',
  'Hours from the build of a database to its publication here.',
  html`${dots(
    ages.flatMap((one, index) => one.map((point): Dot => ({ ...point, shape: index }))),
    'Hours from build to publication, by day',
    (value) => `${Math.ceil(value)} h`,
  )}<p class="series">${names.map((name, index) => html`<span class="key k${index}">${short(name)}</span> `)}</p>`,
)}
${figure(
  'Cycle and proof',
  'The longest of each day; the dark part is the proof.',
  bars(
    points(({ seconds }) => seconds),
    points(({ proofSeconds }) => proofSeconds),
    `Longest cycle of each day, at most ${took(longest)}`,
    took,
  ),
)}
${figure(
  'Taken from upstream',
  `${bytes(upstream)} in all, where whole downloads would have been ${bytes(whole)}: the pale bars.`,
  bars(
    points(({ wholeBytes }) => wholeBytes),
    points(({ upstreamBytes }) => upstreamBytes),
    `Bytes by day: ${bytes(upstream)} in all`,
    bytes,
  ),
)}
</div>
${!isBrief && table(shown, names)}
</section>`;
}

function figure(title: string, says: string, chart: Html | readonly Html[]): Html {
  return html`<figure><figcaption><h3>${title}</h3><p class="quiet">${says}</p></figcaption>${chart}</figure>`;
}

function table(shown: readonly PastDay[], names: readonly string[]): Html {
  const head = ['Day', 'Cycles', ...names, 'Age', 'Cycle', 'Proof', 'Taken', 'Whole'];
  return html`<details><summary>The same as a table</summary>
<section class="scroll" aria-label="Table of the last 90 days" tabindex="0">
<table><thead><tr>${head.map((name) => html`<th scope="col">${short(name)}</th>`)}</tr></thead>
<tbody>${[...shown].reverse().map((day) => row(day, names))}</tbody></table></section>
<p class="quiet">Signatures of each database at the end of the day; the age of the oldest publication; the longest cycle
and proof; bytes taken from upstream, and what whole downloads would have been.</p>
</details>`;
}

function row(day: PastDay, names: readonly string[]): Html {
  const ages = names.flatMap((name) => hours(day.databases[name]?.age) ?? []);
  const bad = [
    ...(day.refused > 0 ? [`${day.refused} refused`] : []),
    ...(day.failed > 0 ? [`${day.failed} failed`] : []),
  ];
  const cells = [
    bad.length === 0 ? day.cycles : `${day.cycles} (${bad.join(', ')})`,
    ...names.map((name) => grouped(day.databases[name]?.signatures ?? 0)),
    ages.length === 0 ? '' : `${Math.round(largest(ages) * 10) / 10} h`,
    took(day.seconds),
    day.proofSeconds === undefined ? '' : took(day.proofSeconds),
    bytes(day.upstreamBytes),
    day.wholeBytes === 0 ? '' : bytes(day.wholeBytes),
  ];
  return html`<tr><th scope="row">${day.day}</th>${cells.map((cell) => html`<td>${cell}</td>`)}</tr>
`;
}

function chartedNames({ databases }: Status): string[] {
  const bySize = Object.entries(databases).sort(([, one], [, other]) => other.signatures - one.signatures);
  return bySize.slice(0, CHARTED).map(([name]) => name);
}

function growth(line: readonly Point[]): string {
  const [first, last] = [line[0]?.value ?? 0, line.at(-1)?.value ?? 0];
  if (first === last) return 'as before';
  return last > first ? `+${grouped(last - first)}` : `−${grouped(first - last)}`;
}

function hours(seconds: number | undefined): number | undefined {
  return seconds === undefined ? undefined : seconds / HOUR_SECONDS;
}

function sum(shown: readonly PastDay[], field: 'upstreamBytes' | 'wholeBytes'): number {
  return shown.reduce((total, day) => total + day[field], 0);
}

function largest(values: readonly number[]): number {
  return values.reduce((most, one) => Math.max(most, one), 0);
}
