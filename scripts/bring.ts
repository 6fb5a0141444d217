import { codeOf, explain } from './errors.ts';
import type { DatabaseReport } from './report.ts';
import { type CarryParts, carry } from './store/carry.ts';
import type { DatabaseRecord } from './store/manifest.ts';
import { type AcquireParts, acquireCdiffs, acquireCvd } from './upstream/acquire.ts';
import { type Advertisement, advertise } from './upstream/advertise.ts';
import type { UpstreamClient } from './upstream/client.ts';
import type { DnsRecord } from './upstream/dns.ts';
import type { VerifiedCvd } from './verify/cvd.ts';
import { VerifyError } from './verify/error.ts';
import type { Trust } from './verify/trust.ts';

/** One database at the start of a cycle: what is published, and what upstream says of it. */
export interface Look {
  readonly database: string;
  readonly client: UpstreamClient;
  readonly published: DatabaseRecord | undefined;
  readonly advertisement: Advertisement;
  /** Why upstream could not be asked, or what it offered cannot be believed. */
  readonly trouble?: unknown;
}

/** One database in the stage: with `news`, it is not what is published. */
export interface Brought {
  readonly database: string;
  /** What the manifest will say; `undefined` if there is nothing of this database to serve. */
  readonly record: DatabaseRecord | undefined;
  readonly how: DatabaseReport['how'];
  readonly news: boolean;
  readonly trouble?: unknown;
}

export type BringParts = Omit<AcquireParts, 'client'> & CarryParts;

/** Asks upstream about one database. A trouble of one is no reason to stop the others, so it is part of the answer. */
export async function look(
  database: string,
  published: DatabaseRecord | undefined,
  parts: { client: UpstreamClient; record: DnsRecord | undefined; trust: Trust },
): Promise<Look> {
  const base = { database, published, client: parts.client };
  try {
    return { ...base, advertisement: await advertise(database, published?.version, parts) };
  } catch (trouble) {
    return { ...base, advertisement: { news: false }, trouble };
  }
}

/** Is there something to fetch: a new version, or a CDIFF that was missing? */
export function wantsWork({ advertisement, published, trouble }: Look): boolean {
  return advertisement.news || (trouble === undefined && (published?.missingCdiffs.length ?? 0) > 0);
}

/**
 * Brings one database into the stage as it shall be served: the new version or, if there is none or it cannot be
 * had, what is published already. Never throws for what upstream did.
 */
export async function bring(seen: Look, parts: BringParts): Promise<Brought> {
  const { database, published } = seen;
  let trouble = seen.trouble;
  if (wantsWork(seen)) {
    try {
      return await bringNews(seen, parts);
    } catch (error) {
      trouble = error;
      await parts.stage.discardDatabase(database);
    }
  }
  if (published === undefined) return { database, record: undefined, how: 'unchanged', news: false, trouble };
  try {
    await carry(database, published.version, parts);
    return { database, record: published, how: 'unchanged', news: false, trouble };
  } catch (damage) {
    if (!isDamage(damage)) throw damage;
    parts.log.warn(`${database}: what is published is damaged and taken anew: ${explain(damage)}`);
    await parts.stage.discardDatabase(database);
    return await replaceDamaged(seen, parts, trouble ?? damage);
  }
}

/** A new version with its CDIFFs, or CDIFFs that were missing from the published one. */
async function bringNews(
  { database, published, client, advertisement }: Look,
  parts: BringParts,
): Promise<Brought> {
  const acquire: AcquireParts = { ...parts, client };
  const version = advertisement.news ? advertisement.header.version : (published?.version ?? 0);
  if (published !== undefined) await carry(database, version, parts);
  const before = parts.stage.files.size;
  const chain = await acquireCdiffs(database, version, published, acquire);
  if (!advertisement.news && published !== undefined) {
    const news = parts.stage.files.size > before;
    return { database, record: { ...published, ...chain }, how: 'unchanged', news };
  }
  parts.log.info(`${database}: downloading version ${version}`);
  const cvd = await acquireCvd(database, version, acquire);
  return { database, record: { ...describe(cvd), ...chain }, how: 'downloaded', news: true };
}

/** The published files do not prove out any more: start over with what upstream has, as for a new mirror. */
async function replaceDamaged(seen: Look, parts: BringParts, trouble: unknown): Promise<Brought> {
  const { database, client } = seen;
  const fresh = await look(database, undefined, { client, record: undefined, trust: parts.trust });
  if (fresh.trouble !== undefined)
    return { database, record: undefined, how: 'unchanged', news: false, trouble };
  return await bring(fresh, parts);
}

function isDamage(error: unknown): boolean {
  return error instanceof VerifyError || codeOf(error) === 'store/missing';
}

function describe({ header, size, sha256 }: VerifiedCvd): Omit<DatabaseRecord, 'cdiffs' | 'missingCdiffs'> {
  const { version, signatures, fLevel, stime } = header;
  return { version, built: new Date(stime * 1000).toISOString(), signatures, fLevel, size, sha256 };
}
