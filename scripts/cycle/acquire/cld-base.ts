import { explain } from '../../base/errors.ts';
import { REBUILD_STEPS } from '../../base/limits/upstream.ts';
import { HEADER_SIZE, parseHeader } from '../../cvd/header.ts';
import { cldName } from '../../cvd/names.ts';
import { verifyCldFile } from '../../files/verify.ts';
import type { Offer, Previous } from '../../upstream/acquire/cvd.ts';
import type { UpstreamFiles } from '../../upstream/http-client.ts';
import type { Cycle } from '../context.ts';
import type { Survey } from '../database.ts';

/**
 * The CLD of an upstream that was passed over because it has no CVD. With the signed header of the upstream that serves, and
 * the CDIFFs in between, it gives the official CVD bit for bit. One that cannot be used is only a warning: then the whole CVD
 * is taken from the other.
 */
export async function cldBase(
  { passedOver = [] }: Pick<Survey, 'passedOver'>,
  offer: Offer,
  cycle: Pick<Cycle, 'stage' | 'trust' | 'limits' | 'log'>,
): Promise<Previous | undefined> {
  for (const { client, code } of passedOver) {
    if (code !== 'upstream/cld') continue;
    try {
      const found = await take(client, offer, cycle);
      if (found !== undefined) return found;
    } catch (error) {
      cycle.log.warn(`${cldName(offer.database)} of ${client.url} cannot be used: ${explain(error)}`);
    }
  }
  return undefined;
}

async function take(
  client: UpstreamFiles,
  { database, header: { version } }: Offer,
  { stage, trust, limits }: Pick<Cycle, 'stage' | 'trust' | 'limits'>,
): Promise<Previous | undefined> {
  const name = cldName(database);
  const isBefore = (from: number) => from <= version && version - from <= REBUILD_STEPS;
  const start = await client.probe(name);
  if (!isBefore(parseHeader(start.subarray(0, HEADER_SIZE)).version)) return undefined;
  const path = stage.incoming(name);
  await client.download(name, path, limits.cvd);
  const verified = await verifyCldFile(path, trust, { database });
  return isBefore(verified.header.version) ? { path, verified } : undefined;
}
