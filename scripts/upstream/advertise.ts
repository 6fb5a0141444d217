import type { Log } from '../base/log.ts';
import { HEADER_SIZE, parseHeader } from '../cvd/header.ts';
import { CLD_ADVICE, cvdName } from '../cvd/names.ts';
import { asVerdict, unsealed } from '../files/verify.ts';
import { verifyHeader } from '../verify/cvd.ts';
import type { Trust } from '../verify/trust.ts';
import type { Offer } from './acquire/cvd.ts';
import { takeProven } from './ask-again.ts';
import type { DnsRecord } from './dns.ts';
import { isMissing, UpstreamError } from './error.ts';
import type { UpstreamClient } from './http-client.ts';

/** Upstream's offer of one database, compared with the published version. */
export type Advertisement =
  | {
      readonly isNew: false;
      /** Version in upstream's own header, if it was asked. */
      readonly seen?: number;
      /** Set if that version is older than the one that DNS names, or than the published one. */
      readonly lag?: Lag;
      readonly note?: string;
    }
  | { readonly isNew: true; readonly offer: Offer; readonly note?: string };

/** The newer version that upstream's header lags behind, and a sentence about it. */
export interface Lag {
  readonly version: number;
  readonly what: string;
}

export interface AdvertiseContext {
  readonly client: Pick<UpstreamClient, 'probe'>;
  readonly record: DnsRecord | undefined;
  readonly trust: Trust;
  readonly log: Log;
  /** True if upstream's own header had the published version lately, so DNS may stand in for it. */
  readonly seenLately?: boolean;
  /** True if upstream may be the database folder of a freshclam. */
  readonly asksForCld?: boolean;
  /** MD5 of the published CVD, if it is known. */
  readonly md5?: string | undefined;
}

/**
 * Finds out if upstream has another version than `published`. DNS alone is enough if its record names the published
 * version and upstream's own header had it lately. Otherwise the header of the CVD decides. Only the signed header is
 * believed, never DNS (field-notes.md, defect 2), and a false DNS answer cannot keep upstream from being asked.
 */
export async function advertise(
  database: string,
  published: number | undefined,
  context: AdvertiseContext,
): Promise<Advertisement> {
  const advertised = context.record?.versions.get(database);
  if (advertised !== undefined && advertised === published && context.seenLately === true)
    return { isNew: false };
  const name = cvdName(database);
  const { header, probe } = await takeProven(name, context.log, async (asking) => {
    const probe = await context.client.probe(name, asking).catch(async (error) => {
      throw (
        (isMissing(error) && context.asksForCld === true && (await cldInstead(database, context))) || error
      );
    });
    const prove = () => verifyHeader(parseHeader(probe.subarray(0, HEADER_SIZE)), context.trust);
    return { probe, header: await unsealed(() => asVerdict(prove)) };
  });
  const { version } = header;
  const lag = lagNote(advertised, version);
  const gzipHeader = Uint8Array.from(probe.subarray(HEADER_SIZE));
  const offer = { database, header, gzipHeader };
  if (published === undefined || version > published) return { isNew: true, offer, ...lag };
  if (version === published) {
    // the MD5 is signed and the version is not: an old header with a changed number would get here too
    if (context.md5 === undefined || context.md5 === header.md5)
      return { isNew: false, seen: version, ...lag, ...lagOf(advertised, version, lag.note) };
    return { isNew: true, offer, note: `upstream offers another CVD of version ${version}` };
  }
  const note = `upstream offers version ${version}, older than the published ${published}`;
  return { isNew: false, seen: version, note, ...lagOf(Math.max(published, advertised ?? 0), version, note) };
}

function lagOf(known: number | undefined, version: number, what = ''): { readonly lag?: Lag } {
  return known !== undefined && known > version ? { lag: { version: known, what } } : {};
}

/** Error for an upstream that has a CLD in the place of the CVD, or `undefined`. */
async function cldInstead(
  database: string,
  { client }: Pick<AdvertiseContext, 'client'>,
): Promise<UpstreamError | undefined> {
  const name = `${database}.cld`;
  const start = await client.probe(name).catch(() => Buffer.alloc(0));
  if (!start.toString('latin1').startsWith(MAGIC)) return undefined;
  const what = `upstream has ${name} in the place of ${cvdName(database)}: it is a database folder that freshclam keeps`;
  return new UpstreamError('upstream/cld', what, { advice: CLD_ADVICE });
}

const MAGIC = 'ClamAV-VDB:';

function lagNote(advertised: number | undefined, version: number): { readonly note?: string } {
  if (advertised === undefined || advertised === version) return {};
  const note =
    version < advertised
      ? `DNS advertises version ${advertised}, but upstream still has ${version}`
      : `DNS advertises version ${advertised}, and upstream has ${version}: the record is stale`;
  return { note };
}
