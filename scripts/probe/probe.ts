import { cdiffName, cvdSignName } from '../cvd/names.ts';
import type { Environment } from '../engine/process.ts';
import type { DnsQuestion } from '../upstream/dns.ts';
import { USUAL_DATABASES } from '../upstream/official.ts';
import type { Trust } from '../verify/trust.ts';
import { checkCaching } from './checks/caching.ts';
import { checkCdiffs } from './checks/cdiffs.ts';
import { checkConditional } from './checks/conditional.ts';
import { checkWhole } from './checks/download.ts';
import { checkFully } from './checks/every-byte.ts';
import { checkExtras } from './checks/extras.ts';
import { checkWithFreshclam } from './checks/freshclam.ts';
import { checkFreshness, readRecord } from './checks/freshness.ts';
import { checkMissing, missingCdiff } from './checks/missing.ts';
import { checkRanges } from './checks/range.ts';
import { checkSigns } from './checks/signs.ts';
import { checkTransport } from './checks/transport.ts';
import { checkStart } from './checks/version.ts';
import type { Finding } from './finding.ts';
import { ProbeClient, type ProbeClientOptions } from './http-client.ts';
import { checkOwnClock } from './own-clock.ts';
import { checkManifest, checkTimestamp, readManifest } from './read-manifest.ts';
import { guarded, type Served, type Site, untilGivenUp } from './target.ts';

export interface ProbeOptions extends ProbeClientOptions {
  /** Default: what the mirror's manifest names, else main, daily and bytecode. */
  readonly databases: readonly string[] | undefined;
  /** TXT record of upstream to compare versions with, and the nameservers to ask. */
  readonly dns: DnsQuestion | undefined;
  /** CDIFFs to check for each database. */
  readonly cdiffs: number;
  /** Largest file to download, in bytes. */
  readonly maxSize: number;
  /** True to download and prove every byte. */
  readonly full: boolean;
  /** Deadline of the whole probe, in milliseconds. */
  readonly timeout: number;
  /** PATH of a real freshclam that is to download everything; `undefined`: none. */
  readonly client: string | undefined;
  /** Environment of that freshclam; default: only its PATH. */
  readonly environment?: Environment;
  readonly trust: Trust;
  readonly now: () => Date;
}

export interface ProbeReport {
  readonly url: string;
  /** `failed`: something breaks a client. */
  readonly verdict: 'good' | 'failed';
  /** ISO time. */
  readonly probed: string;
  /** Served versions, by database. */
  readonly databases: Readonly<Record<string, number>>;
  /** Databases whose `.cvd.sign` is served. */
  readonly signed: readonly string[];
  readonly requests: number;
  /** Bytes of bodies, without those for freshclam. */
  readonly bytes: number;
  readonly findings: readonly Finding[];
}

/**
 * Checks any mirror from outside, with the requests of a client and some more. Only reads, and reads little unless `full` or
 * `client` is set. Never throws for what a mirror does.
 */
export async function probeMirror(options: ProbeOptions): Promise<ProbeReport> {
  const { trust, databases, dns } = options;
  const now = options.now();
  await using client = new ProbeClient(options);
  const findings: Finding[] = [];
  const served: Served[] = [];
  const signed: string[] = [];

  const judge = async () => {
    const { manifest, findings: described } = await readManifest(client);
    const site: Site = { client, manifest, trust, now };
    const upstream = await readRecord(dns && { ...dns, proxies: options.proxies }, now);
    findings.push(...described, ...(await checkTimestamp(site)), ...upstream.findings);
    for (const database of databases ?? databasesOf(site)) {
      const start = await checkStart(site, database);
      findings.push(...start.findings);
      if (start.served === undefined) continue;
      served.push(start.served);
      const found = await checkDatabase(site, start.served, options);
      findings.push(...found.findings);
      if (found.signed) signed.push(database);
      findings.push(...checkFreshness(start.served, upstream.record, { asked: dns !== undefined, now }));
    }
    findings.push(...(await checkExtras(site, { isFull: options.full, maxSize: options.maxSize })));
    findings.push(...(await checkTransport(client, options.proxies, now)));
    if (options.client !== undefined && served.length > 0) {
      const real = { ...options, path: options.client, signed };
      findings.push(...(await checkWithFreshclam(site, served, real)));
    }
  };
  const reached: Finding[] = [];
  const givenUp = await untilGivenUp(async () => {
    reached.push(...(await guarded('mirror', 'reachable', judge)));
  });
  findings.unshift(...reached, ...givenUp);
  return {
    url: client.url,
    verdict: findings.some(({ verdict }) => verdict === 'fault') ? 'failed' : 'good',
    probed: now.toISOString(),
    databases: Object.fromEntries(served.map(({ database, header }) => [database, header.version])),
    signed,
    requests: client.requests,
    bytes: client.received,
    findings,
  };
}

async function checkDatabase(
  site: Site,
  served: Served,
  options: ProbeOptions,
): Promise<{ readonly findings: readonly Finding[]; readonly signed: boolean }> {
  const { name: cvd, database } = served;
  const chain = await checkCdiffs(site, served, options.cdiffs);
  const versions = [...chain.sizes.keys()];
  const newest = versions.at(-1);
  const cdiff = newest === undefined ? undefined : cdiffName(database, newest);
  const signs = await checkSigns(site, served);
  const missing = missingCdiff(served);
  const findings = [
    ...(await checkRanges(site, served)),
    ...(await checkWhole(site, served)),
    ...(await checkConditional(site, served)),
    ...(await checkOwnClock(site, served)),
    ...(await checkMissing(site, served)),
    ...(await checkCaching(site, database, { cvd, cdiff, signs: signs.there, missing })),
    ...chain.findings,
    ...signs.findings,
    ...(await checkManifest(site, served, chain.sizes)),
    ...(options.full ? await checkFully(site, served, { versions, limit: options.maxSize }) : []),
  ];
  return { findings, signed: signs.there.includes(cvdSignName(database, served.header.version)) };
}

function databasesOf({ manifest }: Site): readonly string[] {
  const names = Object.keys(manifest?.databases ?? {});
  return names.length > 0 ? names : USUAL_DATABASES;
}
