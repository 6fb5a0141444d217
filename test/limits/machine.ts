import { appendFile, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { expect } from 'vitest';
import {
  CACHED_MS,
  CONF_LINE_BYTES,
  CONFIG_BYTES,
  CONFIG_DEPTH,
  DOUBTED_MS,
  EXTRAS_NOTE_BYTES,
  FORGOTTEN_MS,
  LINKS,
  PARTIAL_RECORD_BYTES,
  QUARANTINE_MS,
  SEAL_CHARACTERS,
  SIGHTED_FILES,
  SIGHTINGS_BYTES,
  STATE_BYTES,
  STATE_CHARACTERS,
  TRIALS_BYTES,
  VALIDATOR_CHARACTERS,
  WAITING_KINDS,
} from '../../scripts/base/limits/machine.ts';
import type { Survey } from '../../scripts/cycle/database.ts';
import { EXTRAS_NOTE, readRefused, rememberRefused } from '../../scripts/cycle/extras/remembered.ts';
import {
  type Doubt,
  type DoubtMemory,
  isDoubtedForLong,
  waitsAsDoubted,
} from '../../scripts/cycle/memory/doubts.ts';
import { WaitSchema } from '../../scripts/cycle/memory/retirement.ts';
import { State } from '../../scripts/cycle/memory/state.ts';
import { CACHED_STATE_FILE, STATE_FILE } from '../../scripts/cycle/memory/state-files.ts';
import { TRIALS_FILE, Trials } from '../../scripts/cycle/memory/trials.ts';
import { confText } from '../../scripts/files/clamav-conf.ts';
import { requireSafeWay } from '../../scripts/files/safe-path.ts';
import { readSightings, SIGHTINGS } from '../../scripts/mirror/check/sightings.ts';
import { findConfig } from '../../scripts/settings/config/find.ts';
import { parseJsonc } from '../../scripts/settings/config/syntax.ts';
import { Partials } from '../../scripts/upstream/acquire/partials.ts';
import type { UpstreamClient } from '../../scripts/upstream/http-client.ts';
import { temporaryFolder } from '../store/support.ts';
import { elsewhere, ends, fails, type Row } from './rows.ts';

const PARTIALS = 'upstream/partials.test.ts';
const NOW = new Date('2026-06-01T12:00:00.000Z');
const after = (milliseconds: number) => new Date(NOW.getTime() + milliseconds).toISOString();
const REFUSED = {
  version: 6,
  md5: 'x',
  reason: 'because',
  code: 'proof/failed',
  since: after(0),
  until: null,
};
const COOL_DOWN = { until: after(60 * 60_000), reason: 'because' };

/** What is remembered of a version that did not come right. */
const doubted = (change: Partial<Doubt>): DoubtMemory => {
  const doubt = {
    version: 6,
    md5: 'x',
    reason: 'y',
    seen: after(0),
    since: after(0),
    until: after(0),
    tries: 1,
  };
  return { of: () => ({ ...doubt, ...change }), set: async () => {} };
};
/** The same version offered. */
const OFFERED = {
  database: 'test',
  client: { url: 'http://here' },
  advertisement: { isNew: true, offer: { header: { version: 6, md5: 'x' } } },
} as unknown as Survey;
const kindsOf = (count: number, kind = '') =>
  v.safeParse(
    WaitSchema,
    Object.fromEntries(
      Array.from({ length: count }, (_, at) => [
        `${at}${kind}`,
        { since: after(0), seen: after(0), beside: 5 },
      ]),
    ),
  );

/** What tells upstream if the part of a file is still of the same one, as far as there is a part by this record. */
async function resumedBy(validator: string, size = 0): Promise<string | undefined> {
  const folder = temporaryFolder();
  const record = JSON.stringify({ upstream: 'up', of: 'x', validator, total: 9 });
  await writeFile(join(folder, 'test.cvd.json'), record.padEnd(size));
  await writeFile(join(folder, 'test.cvd.part'), 'part');
  let asked: string | undefined;
  const download: UpstreamClient['download'] = async (_name, path, _limit, resumption) => {
    asked = resumption?.validator;
    await writeFile(path, 'part, rest');
  };
  const wanted = { of: 'x', to: join(folder, 'whole'), limit: 100 };
  await new Partials(folder, () => new Date()).download('test.cvd', wanted, { download, url: 'up' });
  return asked;
}

/** The state that this text in a file of the work folder makes. */
async function stateOf(content: unknown, file = STATE_FILE): Promise<State> {
  const work = temporaryFolder();
  await writeFile(join(work, file), typeof content === 'string' ? content : JSON.stringify(content));
  return await State.load(work, NOW);
}

const quarantineOf = async (change: object, file?: string) =>
  (await stateOf({ quarantine: { test: { ...REFUSED, ...change } } }, file)).quarantineOf('test');
const coolDownOf = async (change: object, file?: string) =>
  (await stateOf({ coolDowns: { up: { ...COOL_DOWN, ...change } } }, file)).coolDownOf('up').load();

async function sightingsOf(files: object, more = ''): Promise<number> {
  const work = temporaryFolder();
  await writeFile(join(work, SIGHTINGS), JSON.stringify({ store: 'here', files }) + more);
  return (await readSightings(work, 'here')).size;
}
const sighting = (seal: string) => ({ sha256: '0'.repeat(64), seal, at: after(0) });

export const MACHINE_LIMITS: Readonly<Record<string, Row>> = {
  STATE_BYTES: ends('a state is none', async () => {
    const text = JSON.stringify({ quarantine: { test: REFUSED } });
    expect((await stateOf(text.padEnd(STATE_BYTES))).quarantineOf('test')).toBeDefined();
    expect((await stateOf(text.padEnd(STATE_BYTES + 1))).quarantineOf('test')).toBeUndefined();
  }),
  'STATE_CHARACTERS.reason': ends('the rest is left out', async () => {
    const reason = 'x'.repeat(STATE_CHARACTERS.reason + 1);
    expect((await quarantineOf({ reason }))?.reason).toHaveLength(STATE_CHARACTERS.reason);
  }),
  'STATE_CHARACTERS.cachedReason': ends('the rest is left out', async () => {
    const reason = 'x'.repeat(STATE_CHARACTERS.cachedReason + 1);
    const found = await quarantineOf({ reason }, CACHED_STATE_FILE);
    expect(found?.reason).toHaveLength(STATE_CHARACTERS.cachedReason);
  }),
  'STATE_CHARACTERS.kind': ends('the rest is left out', () => {
    const [kind] = Object.keys(Object(kindsOf(1, 'x'.repeat(STATE_CHARACTERS.kind)).output));
    expect(kind).toHaveLength(STATE_CHARACTERS.kind);
  }),
  DOUBTED_MS: ends('the version is asked for', () => {
    const held = (left: number) => waitsAsDoubted(OFFERED, doubted({ until: after(left) }), NOW).quarantined;
    expect(held(DOUBTED_MS)).toMatchObject({ code: 'upstream/doubted' });
    expect(held(DOUBTED_MS + 1)).toBeUndefined();
  }),
  FORGOTTEN_MS: ends('it begins anew', () => {
    const since = after(-2 * FORGOTTEN_MS);
    const isKnown = (age: number) => isDoubtedForLong('test', doubted({ since, seen: after(-age) }), NOW);
    expect(isKnown(FORGOTTEN_MS - 1)).toBe(true);
    expect(isKnown(FORGOTTEN_MS)).toBe(false);
  }),
  WAITING_KINDS: ends('none is remembered', () => {
    expect(kindsOf(WAITING_KINDS).success).toBe(true);
    expect(kindsOf(WAITING_KINDS + 1).success).toBe(false);
  }),
  'STATE_CHARACTERS.code': ends('the entry is none', async () => {
    expect(await quarantineOf({ code: 'x'.repeat(STATE_CHARACTERS.code) })).toBeDefined();
    expect(await quarantineOf({ code: 'x'.repeat(STATE_CHARACTERS.code + 1) })).toBeUndefined();
  }),
  QUARANTINE_MS: ends('the entry is none', async () => {
    expect(await quarantineOf({ since: after(-QUARANTINE_MS - 60_000) })).toBeUndefined();
  }),
  'CACHED_MS.coolDown': ends('it ends then', async () => {
    const until = after(CACHED_MS.coolDown + 1);
    expect((await coolDownOf({ until }, CACHED_STATE_FILE))?.until).toBe(after(CACHED_MS.coolDown));
  }),
  'CACHED_MS.quarantine': ends('it ends then', async () => {
    const until = after(CACHED_MS.quarantine + 1);
    expect((await quarantineOf({ until }, CACHED_STATE_FILE))?.until).toBe(after(CACHED_MS.quarantine));
  }),
  PARTIAL_RECORD_BYTES: ends('there is no part', async () => {
    expect(await resumedBy('"x"', PARTIAL_RECORD_BYTES)).toBe('"x"');
    expect(await resumedBy('"x"', PARTIAL_RECORD_BYTES + 1)).toBeUndefined();
  }),
  VALIDATOR_CHARACTERS: ends('there is no part', async () => {
    const longest = 'x'.repeat(VALIDATOR_CHARACTERS);
    expect(await resumedBy(longest)).toBe(longest);
    expect(await resumedBy(`${longest}x`)).toBeUndefined();
  }),
  PARTIAL_MS: elsewhere('it is thrown away', PARTIALS, 'of a week ago is thrown away'),
  EXTRAS_NOTE_BYTES: ends('no refusal is remembered', async () => {
    const work = temporaryFolder();
    const refused = { 'own.ndb': { code: 'proof/failed', reason: 'it finds our report' } };
    await rememberRefused(work, 'digest', refused);
    expect(await readRefused(work, 'digest')).toEqual(refused);
    await appendFile(join(work, EXTRAS_NOTE), ' '.repeat(EXTRAS_NOTE_BYTES));
    expect(await readRefused(work, 'digest')).toEqual({});
  }),
  TRIALS_BYTES: ends('notes are none', async () => {
    const text = JSON.stringify({ test: { version: 6, md5: 'x', deaths: 2 } });
    for (const [size, turns] of [
      [TRIALS_BYTES, [['daily'], ['test']]], // what a run died of comes last
      [TRIALS_BYTES + 1, [['test', 'daily']]],
    ] as const) {
      const work = temporaryFolder();
      await writeFile(join(work, TRIALS_FILE), text.padEnd(size));
      expect((await Trials.load(work)).turns(['test', 'daily'])).toEqual(turns);
    }
  }),
  SIGHTINGS_BYTES: ends('nothing was seen', async () => {
    expect(await sightingsOf({ 'test.cvd': sighting('x') }, ' '.repeat(1000))).toBe(1);
    expect(await sightingsOf({ 'test.cvd': sighting('x') }, ' '.repeat(SIGHTINGS_BYTES))).toBe(0);
  }),
  SIGHTED_FILES: ends('nothing was seen', async () => {
    const files = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, at) => [`d${at}.cvd`, sighting('x')]));
    expect(await sightingsOf(files(SIGHTED_FILES))).toBe(SIGHTED_FILES);
    expect(await sightingsOf(files(SIGHTED_FILES + 1))).toBe(0);
  }),
  SEAL_CHARACTERS: ends('nothing was seen', async () => {
    expect(await sightingsOf({ 'test.cvd': sighting('x'.repeat(SEAL_CHARACTERS)) })).toBe(1);
    expect(await sightingsOf({ 'test.cvd': sighting('x'.repeat(SEAL_CHARACTERS + 1)) })).toBe(0);
  }),
  LINKS: fails('setting/unsafe-folder', async () => {
    const folder = temporaryFolder();
    await mkdir(join(folder, '0'));
    for (let at = 1; at <= LINKS + 1; at++) await symlink(join(folder, `${at - 1}`), join(folder, `${at}`));
    await requireSafeWay(join(folder, `${LINKS + 1}`), 'it');
  }),
  CONF_LINE_BYTES: fails('conf/impossible', () => {
    const room = CONF_LINE_BYTES - 'DatabaseDirectory '.length;
    confText([['DatabaseDirectory', 'x'.repeat(room)]]);
    confText([['DatabaseDirectory', 'x'.repeat(room + 1)]]);
  }),
  CONFIG_BYTES: fails('setting/invalid', async () => {
    const path = join(temporaryFolder(), 'settings.json');
    for (const size of [CONFIG_BYTES, CONFIG_BYTES + 1]) {
      await writeFile(path, '{}'.padEnd(size));
      await findConfig({ flags: { config: path }, environment: {} });
    }
  }),
  CONFIG_DEPTH: fails('setting/invalid', () => {
    for (const depth of [CONFIG_DEPTH, CONFIG_DEPTH + 1])
      parseJsonc(`${'['.repeat(depth)}${']'.repeat(depth)}`, 'settings.json');
  }),
};
