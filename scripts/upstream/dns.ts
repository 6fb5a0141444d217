import { Resolver } from 'node:dns/promises';
import { codeOf, explain } from '../base/errors.ts';
import { NAMESERVER_MS, RECORD_SECONDS } from '../base/limits/upstream.ts';
import { lasting } from '../base/words.ts';
import { UpstreamError } from './error.ts';

/** Databases in the record, and the number of each one's field (clamav-formats.md §6). */
const FIELDS = new Map([
  ['main', 1],
  ['daily', 2],
  ['bytecode', 7],
]);

/**
 * True for a database in the record. For others freshclam asks for fixed names such as `test.cvd.clamav.net`. We ask
 * for upstream's header at once, which we have to see in any case.
 */
export function isInRecord(database: string): boolean {
  return FIELDS.has(database);
}

/** Content of a TXT record. Source: libfreshclam_internal.c, fc_dns_query_update_info(). */
export interface DnsRecord {
  readonly recommendedVersion: string;
  /** Time at which the record was made, in seconds since 1970. */
  readonly epoch: number;
  readonly fLevel: number;
  /** Versions by database: main, daily, bytecode. */
  readonly versions: ReadonlyMap<string, number>;
}

/** A TXT record, and who is asked for it. */
export interface DnsQuestion {
  readonly record: string;
  /** Addresses of nameservers, and URLs of resolvers that are asked over HTTPS; none: those of the system. */
  readonly nameservers: readonly string[];
}

/** Asks a resolver over HTTPS. */
export type AskOverHttps = (name: string, url: string, timeout: number) => Promise<string[][]>;

/**
 * Asks all nameservers at once, or the system's if none is given, for the TXT record. Returns the newest answer: one
 * authoritative nameserver has been a week behind the others (field-notes.md, cl#664). Throws `upstream/dns` if none
 * answers, `upstream/record` if none of the answers can be used. Without `askOverHttps`, which takes packages, resolvers
 * that are asked over HTTPS are left out.
 */
export async function lookUp(
  { record: name, nameservers }: DnsQuestion,
  now: Date,
  { timeout = NAMESERVER_MS, askOverHttps }: { timeout?: number; askOverHttps?: AskOverHttps } = {},
): Promise<DnsRecord> {
  const resolvers = nameservers.length === 0 ? [undefined] : nameservers;
  const ask = async (server: string | undefined) =>
    server !== undefined && isOverHttps(server) && askOverHttps !== undefined
      ? await askOverHttps(name, server, timeout)
      : await askByDatagram(name, server, timeout);
  const answers = await Promise.allSettled(
    resolvers.map(async (server) => parseRecord(recordIn(await ask(server), name), now)),
  );
  const records = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
  const newest = records.sort((a, b) => b.epoch - a.epoch)[0];
  if (newest !== undefined) return newest;
  const reasons = answers.flatMap((answer) => (answer.status === 'rejected' ? [answer.reason] : []));
  const unusable = reasons.find((reason) => codeOf(reason) === 'upstream/record');
  if (unusable !== undefined) throw unusable;
  throw new UpstreamError(
    'upstream/dns',
    `no nameserver answered for ${name}: ${reasons.map(explain).join('; ')}`,
  );
}

/** Parses `version:main:daily:epoch:warning:f-level:safebrowsing:bytecode`. Throws `upstream/record`. */
export function parseRecord(text: string, now: Date): DnsRecord {
  const fields = text.split(':');
  const [recommendedVersion, , , epoch, , fLevel] = fields;
  const number = (field: string | undefined) => {
    if (field === undefined || !/^\d{1,12}$/.test(field)) {
      throw new UpstreamError(
        'upstream/record',
        `the DNS record is malformed: ${JSON.stringify(text.slice(0, 200))}`,
      );
    }
    return Number(field);
  };
  const record = {
    recommendedVersion: recommendedVersion ?? '',
    epoch: number(epoch),
    fLevel: number(fLevel),
    versions: new Map([...FIELDS].map(([database, field]) => [database, number(fields[field])])),
  };
  const age = now.getTime() / 1000 - record.epoch;
  if (age > RECORD_SECONDS.old || age < -RECORD_SECONDS.ahead) {
    throw new UpstreamError('upstream/record', `the DNS record is ${lasting(age * 1000)} old`);
  }
  return record;
}

/** True for a resolver that is asked over HTTPS. */
export function isOverHttps(nameserver: string): boolean {
  return nameserver.startsWith('https://');
}

function recordIn(answers: readonly (readonly string[])[], name: string): string {
  const record = answers.map((parts) => parts.join('')).find((text) => text.split(':').length >= 8);
  if (record === undefined)
    throw new UpstreamError('upstream/record', `${name} has no record of ClamAV's form`);
  return record;
}

/** Asks twice, the second time with twice the patience, and gives up after `timeout` in all, whatever the resolver does. */
async function askByDatagram(name: string, server: string | undefined, timeout: number): Promise<string[][]> {
  const resolver = new Resolver({ timeout: Math.ceil(timeout / 3), tries: 2 });
  if (server !== undefined) resolver.setServers([server]);
  const timer = setTimeout(() => resolver.cancel(), timeout);
  try {
    return await resolver.resolveTxt(name);
  } finally {
    clearTimeout(timer);
  }
}
