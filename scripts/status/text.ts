import type { Line } from '../base/log.ts';
import { counted, lasting, moment, took } from '../base/words.ts';
import { archivedVersions } from '../mirror/archive.ts';
import type { DatabaseRecord, Manifest } from '../mirror/manifest.ts';
import { signProblemOf } from '../mirror/signs/sign-problem.ts';
import { countsIn } from '../page/feed/happenings.ts';
import { extrasLines } from './extras-text.ts';
import type { Facts } from './facts.ts';
import { type Problem, type StatusVerdict, verdictOf } from './problems.ts';
import { arrowed, labelled, wrap } from './wrap.ts';

/** Columns of text where no terminal gives its width. */
export const WIDTH = 80;

const COLOURS = { well: 'green', 'first run': 'yellow', attention: 'yellow', stale: 'red' } as const;

/** Writes the status for people: the verdict, each problem with the next command, each database, then the rest. */
export function statusText(facts: Facts, problems: readonly Problem[], width = WIDTH): Line[] {
  const verdict = verdictOf(problems);
  const { manifest } = facts.published;
  const [first = '', ...rest] = wrap(sentence(verdict, facts, problems), width);
  return [
    { mark: verdict, colour: COLOURS[verdict], text: first.slice(verdict.length) },
    ...rest,
    ...problems.flatMap((problem) => ['', ...problemLines(problem, width)]),
    '',
    ...(manifest === undefined ? [] : databaseLines(manifest, facts, problems, width)),
    ...(manifest?.extras === undefined ? [] : extrasLines(manifest.extras, facts.now, width)),
    ...(manifest === undefined ? [] : mirrorLines(manifest, facts, width)),
    ...runLines(facts, width),
    ...labelled('store', facts.where, width),
    ...facts.promises.flatMap((promise) => labelled('', promise, width)),
  ];
}

function sentence(verdict: StatusVerdict, facts: Facts, problems: readonly Problem[]): string {
  if (problems.length > 0) return `${verdict}: ${problems.map(({ title }) => title).join('; ')}`;
  const { manifest } = facts.published;
  const age = lasting(facts.now.getTime() - Date.parse(manifest?.checked ?? ''));
  return `well: ${counted(Object.keys(manifest?.databases ?? {}).length, 'database')}, upstream was checked ${age} ago`;
}

/** Labels of kinds whose own names are too long. */
const LABELS: Partial<Record<Problem['kind'], string>> = {
  unpublished: 'first run',
  'cooling down': 'cool-down',
};

function problemLines({ kind, what, next }: Problem, width: number): string[] {
  return [...labelled(LABELS[kind] ?? kind, what, width), ...arrowed(next, width)];
}

function databaseLines(
  manifest: Manifest,
  { now }: Facts,
  problems: readonly Problem[],
  width: number,
): string[] {
  const isTold = (name: string) =>
    problems.some(({ kind, database }) => kind === 'no .sign' && database === name);

  return Object.entries(manifest.databases).flatMap(([database, record]) => {
    const text = describe(record, archivedVersions(manifest, database), now);
    const signs = isTold(database)
      ? []
      : signLines(database, record, now).flatMap((line) => labelled('', line, width));
    return [...labelled(database, text, width), ...signs];
  });
}

/** Describes the `.sign` of a published database in one line: its last valid day, or what is wrong with it. */
export function signLines(database: string, record: DatabaseRecord, now = new Date()): string[] {
  const problem = signProblemOf(database, record, now);
  const until = record.sign?.notAfter;
  if (problem !== undefined) return [`${problem.kind === 'absent' ? 'NO .sign: ' : ''}${problem.what}`];
  return until === undefined ? [] : [`.sign valid until ${moment(until)}`];
}

function describe(
  { version, built, signatures, cdiffs, missingCdiffs, seen, source, checked = seen?.at }: DatabaseRecord,
  archive: readonly number[],
  now: Date,
): string {
  const chain = cdiffs === null ? 'no CDIFFs' : `CDIFFs ${cdiffs.first} to ${cdiffs.last}`;
  const gaps = missingCdiffs.length === 0 ? '' : `, without ${missingCdiffs.join(', ')}`;
  const kept = archive.length === 0 ? '' : `; kept: ${archive.join(', ')}`;
  const from = source === undefined ? '' : `; from ${source}`;
  const age = checked === undefined ? '' : `; checked ${lasting(now.getTime() - Date.parse(checked))} ago`;
  return `version ${version} of ${moment(built)}, ${counted(signatures, 'signature')}, ${chain}${gaps}${kept}${from}${age}`;
}

function mirrorLines(
  { checked, published, proof, upstream }: Manifest,
  { now, lastChange }: Facts,
  width: number,
): string[] {
  const ago = (time: string) => `${moment(time)}, ${lasting(now.getTime() - Date.parse(time))} ago`;
  const engines = proof.engines
    .map(({ name, version }) => `${withoutDigest(name)} (ClamAV ${version})`)
    .join(', ');
  const passed = proof.results.filter(({ result }) => result === 'passed').length;
  return [
    ...labelled('checked', `${ago(checked)}, at ${upstream.url}`, width),
    ...labelled('published', ago(published), width),
    ...(lastChange === null ? [] : labelled('changed', changeText(lastChange, ago), width)),
    ...labelled('proven', `${counted(passed, 'scenario')} by ${engines || 'no engine'}`, width),
    ...(proof.accepted === undefined ? [] : labelled('accepted', proof.accepted.reason, width)),
  ];
}

function changeText(
  { database, from, to, how, lines, at }: NonNullable<Facts['lastChange']>,
  ago: (time: string) => string,
): string {
  const versions = from === null ? `to ${to}` : `from ${from} to ${to}`;
  const counts = lines === undefined ? '' : ` (${countsIn(lines)})`;
  return `${database} ${versions}${counts}, ${how}, ${ago(at)}`;
}

/** Shortens the digest of an image; what is left still identifies it. */
function withoutDigest(engine: string): string {
  return engine.replace(/(@sha256:[0-9a-f]{12})[0-9a-f]{52}$/, '$1…');
}

function runLines({ memory, unknown, now }: Facts, width: number): string[] {
  const { lastRun } = memory;
  if (unknown !== undefined) return labelled('last run', `not known: ${unknown}`, width);
  if (lastRun === undefined) return labelled('last run', 'none on this machine', width);
  const { at, outcome, duration } = lastRun;
  const age = lasting(now.getTime() - Date.parse(at));
  return labelled('last run', `${outcome}, ${moment(at)}, ${age} ago, took ${took(duration)}`, width);
}
