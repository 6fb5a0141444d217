import { STATS_LISTED } from '../../base/limits/requests.ts';
import { VERSION } from '../../base/version.ts';
import type { ReadLogs } from '../logs/read-logs.ts';
import type { AddressForm } from '../settings.ts';
import type { Client } from '../tally/clients.ts';
import type { Count, Counter } from '../tally/counter.ts';
import { judge, type State } from '../tally/held.ts';
import type { Database, Kind, Tally } from '../tally/tally.ts';
import { type Labels, labels, withoutAddresses } from './address.ts';

const DAY_SECONDS = 24 * 3600;

/** Counts by name: as many as a report lists, and all others together. */
export interface Ranking {
  readonly requests: number;
  readonly listed: readonly ({ readonly name: string } & Count)[];
  /** Names that are not listed. Those beyond the limit of what is told apart count as one. */
  readonly others: { readonly names: number } & Count;
}

/** A client as a report shows it. */
export interface ShownClient {
  readonly client: string;
  readonly address: string;
  readonly program: string;
  readonly last: string;
}

export interface Taker extends ShownClient {
  /** Days on which it took a whole CVD, and days on which it came. */
  readonly takingDays: number;
  readonly days: number;
  readonly downloads: number;
  readonly bytes: number;
}

export interface Laggard extends ShownClient {
  readonly database: string;
  readonly version: number;
}

export interface Listed<T> {
  readonly count: number;
  readonly listed: readonly T[];
}

export interface DatabaseReport {
  /** The newest version at the end of the logs. */
  readonly newest: number | null;
  /** The version that clients should have: the newest one that the mirror had a day before the end. */
  readonly expected: number | null;
  readonly since: string | null;
  readonly clients: Readonly<Record<State, number>>;
}

export type StatsReport = ReturnType<typeof reportOf>;

/** Puts together what a tally holds. Addresses leave it in the form that is wanted, and in no other. */
export function reportOf(tally: Tally, { logs, faults, broken }: ReadLogs, addresses: AddressForm) {
  const names = labels(addresses);
  const clients = tally.clients.list();
  const { databases, behind } = versionsOf(tally, clients, names);
  const days = tally.days.list();
  return {
    generator: `clamav-mirror/${VERSION}`,
    written: new Date().toISOString(),
    from: isoOf(tally.from),
    to: isoOf(tally.to),
    addresses,
    logs,
    ...totals(tally.kinds),
    kinds: tally.kinds,
    clients: clients.length,
    days: days.map(([day, { clients: seen, takers, ...sums }]) => ({
      ...{ day, clients: seen.count, takers: takers.count },
      ...sums,
    })),
    programs: programsOf(tally, clients),
    databases,
    behind,
    takers: takersOf(tally, clients, names),
    statuses: ranking(tally.statuses),
    forbidden: ranking(tally.names[403]),
    notFound: ranking(tally.names[404]),
    monitors: ranking(tally.monitors),
    broken: {
      lines: [...faults.values()].reduce((sum, count) => sum + count, 0),
      faults: Object.fromEntries(faults),
      listed: broken.map((one) => ({
        ...one,
        text: asWritten(addresses === 'full' ? one.text : withoutAddresses(one.text)),
      })),
    },
    /** What is counted, and not told apart. */
    beyond: {
      clients: tally.strangers,
      days: { requests: tally.days.beyond.requests, bytes: tally.days.beyond.bytes },
    },
  };
}

function totals(kinds: Readonly<Record<Kind, Count>>): Count {
  const all = Object.values(kinds);
  return {
    requests: all.reduce((sum, one) => sum + one.requests, 0),
    bytes: all.reduce((sum, one) => sum + one.bytes, 0),
  };
}

function programsOf(tally: Tally, clients: readonly Client[]) {
  const numbers = new Map<string, number>();
  for (const { program } of clients) numbers.set(program, (numbers.get(program) ?? 0) + 1);
  const { listed, others, requests } = ranking(tally.programs);
  const counted = listed.map((one) => ({ ...one, clients: numbers.get(one.name) ?? 0 }));
  return { requests, listed: counted, others };
}

function ranking(counter: Counter): Ranking {
  const all = counter.list();
  const rest = all.slice(STATS_LISTED.names);
  const { beyond } = counter;
  return {
    requests: counter.requests,
    listed: all.slice(0, STATS_LISTED.names).map(([name, count]) => ({ name: asWritten(name), ...count })),
    others: {
      names: rest.length + (beyond.requests > 0 ? 1 : 0),
      requests: rest.reduce((sum, [, one]) => sum + one.requests, beyond.requests),
      bytes: rest.reduce((sum, [, one]) => sum + one.bytes, beyond.bytes),
    },
  };
}

function versionsOf(tally: Tally, clients: readonly Client[], names: Labels) {
  const databases: Record<string, DatabaseReport> = {};
  const byNumber = new Map([...tally.databases.values()].map((one) => [one.number, one]));
  const expected = new Map<Database, ReturnType<Database['versions']['at']>>();
  for (const one of byNumber.values()) {
    const due = one.versions.at(tally.to - DAY_SECONDS);
    expected.set(one, due);
    databases[one.name] = {
      newest: one.versions.at(tally.to)?.version ?? null,
      expected: due?.version ?? null,
      since: due === undefined ? null : isoOf(due.seconds),
      clients: { current: 0, behind: 0, silent: 0, unknown: 0 },
    };
  }
  const behind: {
    readonly client: Client;
    readonly database: string;
    readonly version: number;
    readonly lag: number;
  }[] = [];
  for (const client of clients) {
    for (let held = client.held; held !== undefined; held = held.next) {
      const database = byNumber.get(held.database);
      const due = database === undefined ? undefined : expected.get(database);
      if (database === undefined || due === undefined) continue;
      const { state, version } = judge(held, database.versions, due, { last: client.last, end: tally.to });
      (databases[database.name]?.clients as Record<State, number>)[state]++;
      if (state === 'behind' && version !== undefined)
        behind.push({ client, database: database.name, version, lag: due.version - version });
    }
  }
  const furthest = behind.sort((one, other) => other.lag - one.lag).slice(0, STATS_LISTED.clients);
  const listed = furthest.map(({ client, database, version }) => ({
    ...shownOf(client, names),
    ...{ database, version },
  }));
  return { databases, behind: { count: behind.length, listed } satisfies Listed<Laggard> };
}

/** Clients that took whole CVDs on two days or more, and on half of the days on which they came. */
function takersOf(tally: Tally, clients: readonly Client[], names: Labels): Listed<Taker> {
  const days = tally.days.list().map(([, day]) => day);
  const found = clients.flatMap((client) => {
    if (client.wholes < 2) return [];
    const takingDays = days.filter(({ takers }) => takers.has(client.number)).length;
    const came = days.filter(({ clients: seen }) => seen.has(client.number)).length;
    return takingDays >= 2 && takingDays * 2 >= came ? [{ client, takingDays, came }] : [];
  });
  const worst = found
    .sort((one, other) => other.client.wholeBytes - one.client.wholeBytes)
    .slice(0, STATS_LISTED.clients);
  return {
    count: found.length,
    listed: worst.map(({ client, takingDays, came }) => ({
      ...shownOf(client, names),
      ...{ takingDays, days: came, downloads: client.wholes, bytes: client.wholeBytes },
    })),
  };
}

function shownOf({ key, program, last }: Client, names: Labels): ShownClient {
  return { client: names.client(key), address: names.address(key), program, last: isoOf(last) ?? '' };
}

/** A text of a log as its writer meant it: a log is read with one character for each byte, and holds UTF-8. */
function asWritten(text: string): string {
  return /[\x80-\xff]/.test(text) && !/[^\0-\xff]/.test(text)
    ? Buffer.from(text, 'latin1').toString('utf8')
    : text;
}

function isoOf(seconds: number): string | null {
  return Number.isFinite(seconds) && seconds > 0 ? new Date(seconds * 1000).toISOString() : null;
}
