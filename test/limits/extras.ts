import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import {
  EXTRA_BYTES,
  EXTRA_CHARACTERS,
  EXTRA_EARLY_MS,
  EXTRA_FAILURES,
  EXTRA_MEMORY_BYTES,
  EXTRA_MINUTES,
  EXTRA_PAUSE_MS,
  EXTRA_SIGNATURE_BYTES,
} from '../../scripts/base/limits/extras.ts';
import { acquireExtras } from '../../scripts/extras/acquire.ts';
import { asValidator, EXTRA_MEMORY, ExtrasMemory, isDue, nextFailure } from '../../scripts/extras/memory.ts';
import { extrasFrom } from '../../scripts/settings/extras/extras.ts';
import { contextIn, feed, folder, source } from '../extras/support.ts';
import { settingsFile } from '../settings/support.ts';
import { temporaryFolder } from '../store/support.ts';
import { elsewhere, ends, fails, type Row } from './rows.ts';

const NOW = new Date('2026-06-01T12:00:00.000Z');
const INTERVALS = 'extras/interval.test.ts';
const PAUSES = 'asked after pauses that grow to a day';
const OF = source('own.ndb', 'https://feeds.example/own.ndb');

const entry = (change: object) =>
  extrasFrom({
    flags: { extras: settingsFile({ extras: [{ name: 'own.ndb', url: OF.from, ...change }] }) },
    environment: {},
  });
const failure = (change: Partial<{ code: string; reason: string; wait: number }>, times = 0) => {
  const earlier = {
    code: 'extra/gone',
    reason: '',
    since: NOW.toISOString(),
    until: NOW.toISOString(),
    times,
  };
  const { until, ...rest } = nextFailure(
    times === 0 ? undefined : earlier,
    { code: 'extra/gone', reason: '', ...change },
    NOW,
  );
  return { ...rest, pause: Date.parse(until) - NOW.getTime() };
};
const known = async (text: string) => {
  const work = temporaryFolder();
  await writeFile(join(work, EXTRA_MEMORY), text);
  return (await ExtrasMemory.load(work, [OF], NOW)).of('own.ndb');
};
const wrong = 'setting/invalid';

export const EXTRAS_LIMITS: Readonly<Record<string, Row>> = {
  'EXTRA_BYTES.usual': ends('it is refused', async () => {
    const { url } = await feed((_, response) =>
      response.writeHead(200, { 'content-length': EXTRA_BYTES.usual + 1 }).end(),
    );
    const [extra] = extrasFrom({ flags: { extra: `own.ndb=${url}` }, environment: {} });
    const wanted = extra === undefined ? [] : [extra];
    expect(await acquireExtras(wanted, contextIn(await folder()))).toMatchObject([
      { code: 'extra/too-large' },
    ]);
  }),
  'EXTRA_BYTES.most': fails(wrong, () => entry({ maxSize: EXTRA_BYTES.most / 1024 ** 2 + 1 })),
  'EXTRA_MINUTES.least': fails(wrong, () => entry({ interval: EXTRA_MINUTES.least - 1 })),
  'EXTRA_MINUTES.usual': ends('the source is not asked', () => {
    expect(entry({})[0]?.interval).toBe(EXTRA_MINUTES.usual * 60_000);
  }),
  'EXTRA_MINUTES.most': fails(wrong, () => entry({ interval: EXTRA_MINUTES.most + 1 })),
  EXTRA_EARLY_MS: ends('the source is not asked', () => {
    const after = (early: number) =>
      isDue(
        { ...OF, interval: 600_000 },
        { of: '', asked: new Date(NOW.getTime() - 600_000 + early).toISOString() },
        NOW,
      );
    expect([after(EXTRA_EARLY_MS), after(EXTRA_EARLY_MS + 1)]).toEqual([true, false]);
  }),
  'EXTRA_PATIENCE.idle': elsewhere('extra/incomplete', 'extras/slow.test.ts', 'that stalls'),
  'EXTRA_PATIENCE.total': elsewhere('extra/incomplete', 'extras/slow.test.ts', 'that trickles'),
  EXTRA_HOSTS: elsewhere('the other hosts wait', 'extras/slow.test.ts', 'of many hosts'),
  EXTRAS_MS: elsewhere('the others are not asked', 'extras/slow.test.ts', 'the time of a cycle'),
  'EXTRA_PAUSE_MS.first': elsewhere('the source is not asked', INTERVALS, PAUSES),
  'EXTRA_PAUSE_MS.limited': ends('the source is not asked', () => {
    expect(failure({ code: 'extra/limited' }).pause).toBe(EXTRA_PAUSE_MS.limited);
  }),
  'EXTRA_PAUSE_MS.denied': ends('the source is not asked', () => {
    expect(failure({ code: 'extra/denied' }).pause).toBe(EXTRA_PAUSE_MS.denied);
  }),
  'EXTRA_PAUSE_MS.longest': ends('the source is asked', () => {
    expect(failure({ wait: EXTRA_PAUSE_MS.longest + 1 }, 100).pause).toBe(EXTRA_PAUSE_MS.longest);
  }),
  EXTRA_SIGNATURE_BYTES: ends('it is refused', async () => {
    const { url } = await feed((_, response) => response.end(Buffer.alloc(EXTRA_SIGNATURE_BYTES + 1, 'a')));
    const wanted = [source('own.ndb', url, { sha256From: `${url}/sums` })];
    expect(await acquireExtras(wanted, contextIn(await folder()))).toMatchObject([
      { code: 'extra/too-large' },
    ]);
  }),
  EXTRA_MEMORY_BYTES: ends('it is none', async () => {
    const work = temporaryFolder();
    await (await ExtrasMemory.load(work, [OF], NOW)).set(OF, { asked: NOW.toISOString() });
    const note = await readFile(join(work, EXTRA_MEMORY), 'utf8');
    expect(await known(note)).toMatchObject({ asked: NOW.toISOString() });
    expect(await known(note.padEnd(EXTRA_MEMORY_BYTES + 1))).toBeUndefined();
  }),
  'EXTRA_CHARACTERS.validator': ends('it is forgotten', () => {
    const of = (length: number) => asValidator('x'.repeat(length))?.length;
    expect([of(EXTRA_CHARACTERS.validator), of(EXTRA_CHARACTERS.validator + 1)]).toEqual([
      EXTRA_CHARACTERS.validator,
      undefined,
    ]);
  }),
  'EXTRA_CHARACTERS.reason': ends('it is cut', () => {
    expect(failure({ reason: 'x'.repeat(EXTRA_CHARACTERS.reason + 1) }).reason).toHaveLength(
      EXTRA_CHARACTERS.reason,
    );
  }),
  'EXTRA_CHARACTERS.code': elsewhere('it is none', INTERVALS, 'with a code that is too long'),
  EXTRA_FAILURES: ends('they are counted no further', () => {
    expect(failure({}, EXTRA_FAILURES).times).toBe(EXTRA_FAILURES);
  }),
  EXTRAS_LIST_BYTES: elsewhere('it is refused', 'settings/extras.test.ts', 'that is too long'),
};
