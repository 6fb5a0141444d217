import { HEADER_SIZE, parseHeader } from '../cvd/header.ts';
import { cvdName } from '../cvd/names.ts';
import { asVerdict } from '../files/verify.ts';
import { verifyHeader } from '../verify/cvd.ts';
import type { Trust } from '../verify/trust.ts';
import type { Offer } from './acquire-cvd.ts';
import type { UpstreamClient } from './client.ts';
import type { DnsRecord } from './dns.ts';

/** What upstream offers of one database, compared with what is published. */
export type Advertisement =
  | { readonly news: false; readonly note?: string }
  | { readonly news: true; readonly offer: Offer; readonly note?: string };

/**
 * Finds out whether upstream has a newer version than `published`: from DNS alone where its record settles it,
 * else from the header of the CVD. A version counts only as what its signed header says, never as what DNS says
 * (field-notes.md, defect 2).
 */
export async function advertise(
  database: string,
  published: number | undefined,
  parts: { client: UpstreamClient; record: DnsRecord | undefined; trust: Trust },
): Promise<Advertisement> {
  const advertised = parts.record?.versions.get(database);
  if (advertised !== undefined && published !== undefined && advertised <= published) {
    return advertised === published
      ? { news: false }
      : { news: false, note: `DNS advertises version ${advertised}, older than the published ${published}` };
  }
  const probe = await parts.client.probe(cvdName(database));
  const header = asVerdict(() => verifyHeader(parseHeader(probe.subarray(0, HEADER_SIZE)), parts.trust));
  const { version } = header;
  const lag =
    advertised !== undefined && version < advertised
      ? { note: `DNS advertises version ${advertised}, but upstream still has ${version}` }
      : {};
  if (published === undefined || version > published) {
    const gzipHeader = Uint8Array.from(probe.subarray(HEADER_SIZE));
    return { news: true, offer: { database, header, gzipHeader }, ...lag };
  }
  if (version === published) return { news: false, ...lag };
  return { news: false, note: `upstream offers version ${version}, older than the published ${published}` };
}
