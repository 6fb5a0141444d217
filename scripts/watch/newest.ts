import { explain, MirrorError } from '../base/errors.ts';
import { HEADER_SIZE, parseHeader } from '../cvd/header.ts';
import { cvdName } from '../cvd/names.ts';
import { asVerdict } from '../files/verify.ts';
import { NO_COOL_DOWN } from '../upstream/cool-down.ts';
import { type DnsRecord, isInRecord } from '../upstream/dns.ts';
import { lookUpProxied } from '../upstream/look-up.ts';
import { givenUpIn } from '../upstream/official.ts';
import { openUpstream } from '../upstream/open.ts';
import { verifyHeader } from '../verify/cvd.ts';
import type { Trust } from '../verify/trust.ts';
import type { WatchSettings } from './settings.ts';

/** A version of a database; times are in milliseconds since 1970. */
export interface Version {
  readonly version: number;
  /** Build time at Talos; `undefined` if only DNS names the version. */
  readonly built: number | undefined;
}

/** Newest versions of upstream, as far as known. */
export interface Newest {
  readonly versions: ReadonlyMap<string, Version>;
  /** Reasons why not more is known. */
  readonly doubts: readonly string[];
}

/**
 * Asks every upstream for the newest versions of these databases, so that one that stands still is found out. DNS counts alone only where it names the served version and the mirror
 * has seen upstream lately (`seenLately`). Else upstream's own header decides, at 522 bytes each: it is signed, and has the
 * build time. Never throws for what upstream does.
 */
export async function newestOf(
  served: ReadonlyMap<string, number>,
  { upstreams: urls, dns, userAgent, proxies }: WatchSettings,
  context: { readonly trust: Trust; readonly now: Date; readonly seenLately: ReadonlySet<string> },
): Promise<Newest> {
  const { trust, now, seenLately } = context;
  const versions = new Map<string, Version>();
  const doubts: string[] = [];
  const orDoubt = async <T>(ask: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof MirrorError)) throw error;
      doubts.push(explain(new Error(error.message, { cause: error.cause })));
      return undefined;
    }
  };
  const record: DnsRecord | undefined =
    dns === undefined || ![...served.keys()].some(isInRecord)
      ? undefined
      : await orDoubt(() => lookUpProxied({ ...dns, proxies }, now));
  await using opened = new AsyncDisposableStack();
  const clients = urls.map((url) =>
    opened.use(openUpstream({ url, userAgent, proxies, coolDown: NO_COOL_DOWN, now: () => now })).client(),
  );
  for (const [database, version] of served) {
    const advertised = record?.versions.get(database);
    // a record older than what is served is stale
    if (advertised !== undefined && advertised >= version)
      versions.set(database, { version: advertised, built: undefined });
    if (
      (advertised === version && seenLately.has(database)) ||
      urls.some((url) => givenUpIn(url, database) !== undefined)
    )
      continue;
    for (const client of clients) {
      const header = await orDoubt(async () => {
        const probe = await client.probe(cvdName(database));
        return asVerdict(() => verifyHeader(parseHeader(probe.subarray(0, HEADER_SIZE)), trust));
      });
      if (header !== undefined && header.version >= (versions.get(database)?.version ?? 0))
        versions.set(database, { version: header.version, built: header.stime * 1000 });
    }
  }
  return { versions, doubts: [...new Set(doubts)] };
}
