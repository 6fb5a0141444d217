import { STATS_DATABASES, STATS_NAMES, STATS_PROGRAMS } from '../../base/limits/requests.ts';
import type { FileName } from '../../cvd/names.ts';
import type { Access } from '../logs/access.ts';
import { type Client, Clients, isKnown } from './clients.ts';
import { type Count, Counter } from './counter.ts';
import { Days } from './days.ts';
import { heldOf, noteCdiff, noteCheck, noteMore, noteWhole, nothingHeld } from './held.ts';
import { targets } from './target.ts';
import { type Publication, Versions } from './versions.ts';

/** Kinds of answers. A check asks which version there is; a part is more of a CVD than a check takes. */
export const KINDS = ['check', 'cdiff', 'whole', 'part', 'sign', 'other', 'failed'] as const;
export type Kind = (typeof KINDS)[number];

/** Most bytes of a check: 512, and headers where a log counts them. */
const CHECK_SIZE = 8192;
/** Share of the largest answer with a CVD that a whole one has at least. */
const WHOLE_SHARE = 0.9;
/** Counters for statuses of failures: there are no more. */
const STATUSES = 600;

export interface Database {
  readonly name: string;
  readonly number: number;
  readonly versions: Versions;
  /** Bytes of the largest answer with its CVD. */
  largest: number;
}

/** Everything that is counted. Each part is bounded, and counts what is beyond its bound. */
export class Tally {
  readonly days = new Days();
  readonly clients: Clients;
  readonly kinds = Object.fromEntries(KINDS.map((kind) => [kind, emptyCount()])) as Record<Kind, Count>;
  readonly programs = new Counter(STATS_PROGRAMS);
  readonly monitors = new Counter(STATS_PROGRAMS);
  readonly statuses = new Counter(STATUSES);
  readonly names = { 403: new Counter(STATS_NAMES), 404: new Counter(STATS_NAMES) };
  readonly databases = new Map<string, Database>();
  /** Requests of clients that are not told apart. */
  readonly strangers = emptyCount();
  /** First and last second of a client's request. */
  from = Number.POSITIVE_INFINITY;
  to = 0;
  readonly #targetOf = targets();
  readonly #published: ReadonlyMap<string, readonly Publication[]>;

  constructor(
    isMonitor: (address: string) => boolean,
    published: ReadonlyMap<string, readonly Publication[]>,
  ) {
    this.clients = new Clients(isMonitor);
    this.#published = published;
  }

  add(access: Access): void {
    const { seconds, bytes, status } = access;
    const client = this.clients.of(access);
    if (client.monitor !== undefined) {
      this.monitors.add(client.monitor, bytes);
      return;
    }
    if (seconds < this.from) this.from = seconds;
    if (seconds > this.to) this.to = seconds;
    const { path, file } = this.#targetOf(access.target);
    const kind = kindOf(file, access);
    count(this.kinds[kind], bytes);
    this.programs.add(client.program, bytes);
    if (kind === 'failed') this.statuses.add(String(status), bytes);
    if (status === 403 || status === 404) this.names[status].add(path || NO_REQUEST, bytes);
    const known = isKnown(client) ? client : undefined;
    this.#addToDay(access, kind, known);
    const database = this.#databaseOf(file, kind);
    if (database !== undefined && kind === 'cdiff') database.versions.see(file?.version ?? 0, seconds);
    if (database !== undefined && kind === 'whole') database.largest = Math.max(database.largest, bytes);
    if (known === undefined) count(this.strangers, bytes);
    else note(known, database, file, kind, access);
  }

  #addToDay({ seconds, bytes }: Access, kind: Kind, client: Client | undefined): void {
    const day = this.days.of(seconds);
    day.requests++;
    day.bytes += bytes;
    if (client !== undefined) day.clients.add(client.number);
    if (kind === 'cdiff') {
      day.cdiffs++;
      day.cdiffBytes += bytes;
    } else if (kind === 'whole') {
      day.wholes++;
      day.wholeBytes += bytes;
      if (client !== undefined) day.takers.add(client.number);
    }
  }

  /** The database of a file. Only an answer makes one known, for anybody may ask for any name. */
  #databaseOf(file: FileName | undefined, kind: Kind): Database | undefined {
    if (file === undefined || kind === 'other') return undefined;
    const known = this.databases.get(file.database);
    if (known !== undefined || kind === 'failed' || this.databases.size >= STATS_DATABASES) return known;
    const name = file.database;
    const versions = new Versions(this.#published.get(name));
    const made = { name, number: this.databases.size, versions, largest: 0 };
    this.databases.set(name, made);
    return made;
  }
}

/** Name of what is no request, such as TLS to a plain port. */
const NO_REQUEST = '(no request)';

function kindOf(file: FileName | undefined, { method, status, bytes }: Access): Kind {
  if (status >= 400) return 'failed';
  if (file === undefined || (status !== 200 && status !== 206 && status !== 304)) return 'other';
  if (file.kind === 'cvd') {
    if (method === 'HEAD' || status === 304 || (status === 206 && bytes <= CHECK_SIZE)) return 'check';
    return status === 206 ? 'part' : 'whole';
  }
  if (method === 'HEAD') return 'other';
  return file.kind === 'cdiff' || file.kind === 'sign' ? file.kind : 'other';
}

/** Notes what a request says of a client. */
function note(
  client: Client,
  database: Database | undefined,
  file: FileName | undefined,
  kind: Kind,
  { seconds, bytes, status }: Access,
): void {
  client.requests++;
  client.bytes += bytes;
  if (seconds > client.last) client.last = seconds;
  if (kind === 'whole') {
    client.wholes++;
    client.wholeBytes += bytes;
  }
  if (database === undefined || (file?.kind !== 'cvd' && file?.kind !== 'cdiff')) return;
  const known = heldOf(client.held, database.number);
  const held = known ?? nothingHeld(database.number, client.held);
  if (known === undefined) client.held = held;
  if (kind === 'check') noteCheck(held, seconds, status === 304);
  else if (kind === 'cdiff') noteCdiff(held, seconds, file.version ?? 0);
  else if (kind === 'whole') noteWhole(held, seconds, bytes >= database.largest * WHOLE_SHARE);
  else noteMore(held, seconds);
}

function emptyCount(): Count {
  return { requests: 0, bytes: 0 };
}

function count(into: Count, bytes: number): void {
  into.requests++;
  into.bytes += bytes;
}
