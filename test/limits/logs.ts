import { expect } from 'vitest';
import {
  LOG_ADDRESS_CHARACTERS,
  LOG_AGENT_CHARACTERS,
  LOG_AHEAD_SECONDS,
  LOG_ANSWER_BYTES,
  LOG_FORMAT_LINES,
  LOG_TARGET_CHARACTERS,
  STATS_CLIENTS,
  STATS_DATABASES,
  STATS_DAYS,
  STATS_LISTED,
  STATS_NAMES,
  STATS_PROGRAMS,
  STATS_VERSIONS,
} from '../../scripts/base/limits/requests.ts';
import { accept, emptyAccess } from '../../scripts/stats/logs/access.ts';
import { formatOf } from '../../scripts/stats/logs/formats/formats.ts';
import { reportOf } from '../../scripts/stats/report/report.ts';
import { Tally } from '../../scripts/stats/tally/tally.ts';
import { Versions } from '../../scripts/stats/tally/versions.ts';
import { line } from '../stats/support.ts';
import { elsewhere, ends, type Row } from './rows.ts';

const NOW = Math.floor(Date.now() / 1000);
const WORDS = { address: '192.0.2.7', method: 'GET', target: '/daily.cvd', agent: 'x' };
/** What becomes of a request with one field changed. */
const accepted = (change: Partial<typeof WORDS>, seconds = NOW, bytes = 5) => {
  const into = emptyAccess();
  return { outcome: accept(into, { ...WORDS, ...change }, seconds, 200, bytes), into };
};

/** The report of so many requests, each of which `change` makes another one. */
function reportOn(count: number, change: (at: number) => Partial<ReturnType<typeof emptyAccess>>) {
  const tally = new Tally(() => false, new Map());
  for (let at = 0; at < count; at++)
    tally.add({ ...emptyAccess(), ...WORDS, seconds: NOW, status: 200, bytes: 1, ...change(at) });
  const logs = { logs: [], faults: new Map(), broken: [] };
  return reportOf(tally, logs, 'full');
}

/** Limits of access logs. */
export const LOG_LIMITS: Readonly<Record<string, Row>> = {
  LOG_LINE_CHARACTERS: elsewhere('it is broken', 'stats/hostile.test.ts', 'by lines without an end'),
  LOG_FORMAT_LINES: ends('the format is found by those before', () => {
    expect(formatOf(Array(LOG_FORMAT_LINES).fill(line()))).toBe('common');
  }),
  LOG_ADDRESS_CHARACTERS: ends('the line is broken', () => {
    const of = (length: number) => accepted({ address: 'a'.repeat(length) }).outcome;
    expect([of(LOG_ADDRESS_CHARACTERS), of(LOG_ADDRESS_CHARACTERS + 1)]).toEqual(['request', 'address']);
  }),
  LOG_TARGET_CHARACTERS: ends('it is cut', () => {
    const { into } = accepted({ target: 'x'.repeat(LOG_TARGET_CHARACTERS + 1) });
    expect(into.target).toHaveLength(LOG_TARGET_CHARACTERS);
  }),
  LOG_AGENT_CHARACTERS: ends('it is cut', () => {
    const { into } = accepted({ agent: 'x'.repeat(LOG_AGENT_CHARACTERS + 1) });
    expect(into.agent).toHaveLength(LOG_AGENT_CHARACTERS);
  }),
  LOG_ANSWER_BYTES: ends('the line is broken', () => {
    const of = (bytes: number) => accepted({}, NOW, bytes).outcome;
    expect([of(LOG_ANSWER_BYTES), of(LOG_ANSWER_BYTES + 1)]).toEqual(['request', 'bytes']);
  }),
  LOG_AHEAD_SECONDS: ends('the line is broken', () => {
    expect(accepted({}, NOW + LOG_AHEAD_SECONDS / 2).outcome).toBe('request'); // counted from when the module was read
    expect(accepted({}, NOW + 2 * LOG_AHEAD_SECONDS).outcome).toBe('time');
  }),
  STATS_HEAP_MB: elsewhere('requests are counted together', 'stats/many.test.ts', 'stay within the memory'),
  STATS_CLIENTS: ends('they are counted together', () => {
    const report = reportOn(STATS_CLIENTS + 3, (at) => ({ agent: `ClamAV/${at}` }));
    expect(report).toMatchObject({
      ...{ clients: STATS_CLIENTS, requests: STATS_CLIENTS + 3 },
      beyond: { clients: { requests: 3, bytes: 3 } },
    });
  }),
  STATS_DAYS: ends('they are counted together', () => {
    const report = reportOn(STATS_DAYS + 2, (at) => ({ seconds: NOW - at * 24 * 3600 }));
    expect(report.days).toHaveLength(STATS_DAYS);
    expect(report).toMatchObject({ requests: STATS_DAYS + 2, beyond: { days: { requests: 2 } } });
  }),
  STATS_NAMES: ends('they are counted together', () => {
    const report = reportOn(STATS_NAMES + 5, (at) => ({ target: `/${at}`, status: 404 }));
    expect(report.notFound).toMatchObject({
      requests: STATS_NAMES + 5,
      others: { requests: STATS_NAMES + 5 - STATS_LISTED.names, names: STATS_NAMES - STATS_LISTED.names + 1 },
    });
  }),
  STATS_PROGRAMS: ends('they are counted together', () => {
    const report = reportOn(STATS_PROGRAMS + 5, (at) => ({ agent: `program${at}/1` }));
    expect(report.programs).toMatchObject({
      requests: STATS_PROGRAMS + 5,
      others: { names: STATS_PROGRAMS - STATS_LISTED.names + 1 },
    });
  }),
  STATS_DATABASES: ends('its clients are not judged', () => {
    const report = reportOn(STATS_DATABASES + 1, (at) => ({ target: `/x${at}.cvd` }));
    expect(Object.keys(report.databases)).toHaveLength(STATS_DATABASES);
    expect(report.kinds.whole.requests).toBe(STATS_DATABASES + 1);
  }),
  STATS_VERSIONS: ends('it is not remembered', () => {
    const versions = new Versions();
    for (let version = 1; version <= STATS_VERSIONS + 1; version++) versions.see(version, version);
    expect(versions.at(2 * STATS_VERSIONS)?.version).toBe(STATS_VERSIONS);
  }),
  'STATS_QUOTED.lines': elsewhere('they are counted', 'stats/hostile.test.ts', 'the first ones are quoted'),
  'STATS_QUOTED.characters': elsewhere('it is cut', 'stats/hostile.test.ts', 'by lines without an end'),
  'STATS_LISTED.clients': ends('they are counted', () => {
    const days = [0, 1].flatMap((day) =>
      Array.from({ length: STATS_LISTED.clients + 1 }, (_, at) => ({ day, agent: `ClamAV/${at}` })),
    );
    const report = reportOn(days.length, (at) => ({
      ...{ agent: days[at]?.agent ?? '', seconds: NOW - (days[at]?.day ?? 0) * 24 * 3600 },
    }));
    expect(report.takers.count).toBe(STATS_LISTED.clients + 1);
    expect(report.takers.listed).toHaveLength(STATS_LISTED.clients);
  }),
  'STATS_LISTED.names': elsewhere('they are counted together', 'limits/logs.ts', 'STATS_NAMES: ends'),
};
