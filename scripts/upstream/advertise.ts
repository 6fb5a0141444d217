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

/** What upstream offers of one database, compared with what is published. */
export type Advertisement =
  | {
      readonly isNew: false;
      /** Which version upstream's own header announces, if it was asked. */
      readonly seen?: number;
      /** That version is older than the one that DNS names, or the published one. */
      readonly lag?: Lag;
      readonly note?: string;
    }
  | { readonly isNew: true; readonly offer: Offer; readonly note?: string };

/** A header that lags behind what is known to be there. */
export interface Lag {
  readonly version: number;
  readonly what: string;
}

export interface AdvertiseParts {
  readonly client: Pick<UpstreamClient, 'probe'>;
  readonly record: DnsRecord | undefined;
  readonly trust: Trust;
  readonly log: Log;
  /** Whether upstream itself was seen lately with the published version, so that DNS may stand for it. */
  readonly seenLately?: boolean;
  /** Whether upstream may be a folder that somebody's freshclam keeps. */
  readonly asksForCld?: boolean;
  /** Of the published CVD, as far as it is known. */
  readonly md5?: string | undefined;
}

/**
 * Finds out whether upstream has another version than `published`: from DNS alone where its record names that one and
 * upstream itself was seen lately, else from the header of the CVD. A version counts only as what its signed header says,
 * never as what DNS says (field-notes.md, defect 2), and DNS is anybody's: whoever answers for it must not keep upstream
 * from being asked.
 */
export async function advertise(
  database: string,
  published: number | undefined,
  parts: AdvertiseParts,
): Promise<Advertisement> {
  const advertised = parts.record?.versions.get(database);
  if (advertised !== undefined && advertised === published && parts.seenLately === true)
    return { isNew: false };
  const name = cvdName(database);
  const { header, probe } = await takeProven(name, parts.log, async (asking) => {
    const probe = await parts.client.probe(name, asking).catch(async (error) => {
      throw (isMissing(error) && parts.asksForCld === true && (await cldInstead(database, parts))) || error;
    });
    const prove = () => verifyHeader(parseHeader(probe.subarray(0, HEADER_SIZE)), parts.trust);
    return { probe, header: await unsealed(() => asVerdict(prove)) };
  });
  const { version } = header;
  const lag = lagNote(advertised, version);
  const gzipHeader = Uint8Array.from(probe.subarray(HEADER_SIZE));
  const offer = { database, header, gzipHeader };
  if (published === undefined || version > published) return { isNew: true, offer, ...lag };
  if (version === published) {
    // the MD5 is signed, the version is not: an old header with another number would look like this too
    if (parts.md5 === undefined || parts.md5 === header.md5)
      return { isNew: false, seen: version, ...lag, ...lagOf(advertised, version, lag.note) };
    return { isNew: true, offer, note: `upstream offers another CVD of version ${version}` };
  }
  const note = `upstream offers version ${version}, older than the published ${published}`;
  return { isNew: false, seen: version, note, ...lagOf(Math.max(published, advertised ?? 0), version, note) };
}

function lagOf(known: number | undefined, version: number, what = ''): { readonly lag?: Lag } {
  return known !== undefined && known > version ? { lag: { version: known, what } } : {};
}

/** What upstream is, if it has a CLD in the place of a CVD. */
async function cldInstead(
  database: string,
  { client }: Pick<AdvertiseParts, 'client'>,
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
