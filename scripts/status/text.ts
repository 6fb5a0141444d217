import type { Line } from '../base/log.ts';
import { counted, lasting, moment, took } from '../base/words.ts';
import { archivedVersions } from '../mirror/archive.ts';
import type { DatabaseRecord, Manifest } from '../mirror/manifest.ts';
import { signProblemOf } from '../mirror/signs/sign-error.ts';
import type { Facts } from './facts.ts';
import { type StatusVerdict, type Trouble, verdictOf } from './problems.ts';
import { arrowed, labelled, wrap } from './wrap.ts';

/** Columns where no terminal says how wide it is. */
export const WIDTH = 80;

const COLOURS = { well: 'green', 'first run': 'yellow', attention: 'yellow', stale: 'red' } as const;

/** The status for people: the verdict, each trouble with the next command, each database, then the rest. */
export function statusText(facts: Facts, troubles: readonly Trouble[], width = WIDTH): Line[] {
  const verdict = verdictOf(troubles);
  const { manifest } = facts.published;
  const [first = '', ...rest] = wrap(sentence(verdict, facts, troubles), width);
  return [
    { mark: verdict, colour: COLOURS[verdict], text: first.slice(verdict.length) },
    ...rest,
    ...troubles.flatMap((trouble) => ['', ...troubleLines(trouble, width)]),
    '',
    ...(manifest === undefined ? [] : databaseLines(manifest, facts, troubles, width)),
    ...(manifest === undefined ? [] : mirrorLines(manifest, facts, width)),
    ...runLines(facts, width),
    ...labelled('store', facts.where, width),
    ...facts.promises.flatMap((promise) => labelled('', promise, width)),
  ];
}

function sentence(verdict: StatusVerdict, facts: Facts, troubles: readonly Trouble[]): string {
  if (troubles.length > 0) return `${verdict}: ${troubles.map(({ title }) => title).join('; ')}`;
  const { manifest } = facts.published;
  const age = lasting(facts.now.getTime() - Date.parse(manifest?.checked ?? ''));
  return `well: ${counted(Object.keys(manifest?.databases ?? {}).length, 'database')}, upstream was checked ${age} ago`;
}

/** Of kinds whose names are too long for one. */
const LABELS: Partial<Record<Trouble['kind'], string>> = {
  unpublished: 'first run',
  'cooling down': 'cool-down',
};

function troubleLines({ kind, what, next }: Trouble, width: number): string[] {
  return [...labelled(LABELS[kind] ?? kind, what, width), ...arrowed(next, width)];
}

function databaseLines(
  manifest: Manifest,
  { now }: Facts,
  troubles: readonly Trouble[],
  width: number,
): string[] {
  const isTold = (name: string) =>
    troubles.some(({ kind, database }) => kind === 'no .sign' && database === name);

  return Object.entries(manifest.databases).flatMap(([database, record]) => {
    const text = describe(record, archivedVersions(manifest, database), now);
    const signs = isTold(database)
      ? []
      : signLines(database, record, now).flatMap((line) => labelled('', line, width));
    return [...labelled(database, text, width), ...signs];
  });
}

/** The `.sign` of a published database in one line: until when it is good, or what is not as it should be. */
export function signLines(database: string, record: DatabaseRecord, now = new Date()): string[] {
  const trouble = signProblemOf(database, record, now);
  const until = record.sign?.notAfter;
  if (trouble !== undefined) return [`${trouble.kind === 'absent' ? 'NO .sign: ' : ''}${trouble.what}`];
  return until === undefined ? [] : [`.sign valid until ${moment(until)}`];
}

function describe(
  { version, built, signatures, cdiffs, missingCdiffs, seen, checked = seen?.at }: DatabaseRecord,
  archive: readonly number[],
  now: Date,
): string {
  const chain = cdiffs === null ? 'no CDIFFs' : `CDIFFs ${cdiffs.first} to ${cdiffs.last}`;
  const gaps = missingCdiffs.length === 0 ? '' : `, without ${missingCdiffs.join(', ')}`;
  const kept = archive.length === 0 ? '' : `; kept: ${archive.join(', ')}`;
  const age = checked === undefined ? '' : `; checked ${lasting(now.getTime() - Date.parse(checked))} ago`;
  return `version ${version} of ${moment(built)}, ${counted(signatures, 'signature')}, ${chain}${gaps}${kept}${age}`;
}

function mirrorLines(
  { checked, published, proof, upstream }: Manifest,
  { now }: Facts,
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
    ...labelled('proven', `${counted(passed, 'scenario')} by ${engines || 'no engine'}`, width),
    ...(proof.accepted === undefined ? [] : labelled('accepted', proof.accepted.reason, width)),
  ];
}

/** Enough of an image's digest to tell it from another. */
function withoutDigest(engine: string): string {
  return engine.replace(/(@sha256:[0-9a-f]{12})[0-9a-f]{52}$/, '$1…');
}

function runLines({ memory, unknown, now }: Facts, width: number): string[] {
  const { lastRun } = memory;
  if (unknown !== undefined) return labelled('last run', `not known: ${unknown}`, width);
  if (lastRun === undefined) return labelled('last run', 'none is known here', width);
  const { at, outcome, duration } = lastRun;
  const age = lasting(now.getTime() - Date.parse(at));
  return labelled('last run', `${outcome}, ${moment(at)}, ${age} ago, took ${took(duration)}`, width);
}
