import { createHash } from 'node:crypto';
import { isWithin } from '../../base/clock.ts';
import { cvdSignName } from '../../cvd/names.ts';
import type { DatabaseRecord, Manifest } from '../../mirror/manifest.ts';
import { ENDS_SOON_MS } from '../../mirror/signs/sign-problem.ts';
import { signRecord } from '../../mirror/signs/sign-record.ts';
import { askForSign } from '../../upstream/acquire/sign.ts';
import type { Fetched, UpstreamClient } from '../../upstream/http-client.ts';

/** One that is published is compared with upstream's this often: upstream may sign the same version anew. */
const COMPARE_EVERY_MS = 24 * 60 * 60_000;

/** The `.sign` of a published version after upstream was asked for it. */
export interface SignSurvey {
  readonly record: DatabaseRecord;
  /** Upstream's, if it is another one than the published. */
  readonly offer?: Fetched;
}

/**
 * Asks upstream for the `.sign` of a published version where that is due: in every cycle for one that is missing or
 * withheld, or that ends soon, else daily. Throws `UpstreamError` if there is no answer.
 */
export async function surveySign(
  database: string,
  record: DatabaseRecord,
  parts: {
    readonly manifest: Manifest | undefined;
    readonly client: Pick<UpstreamClient, 'fetch'>;
    readonly now: Date;
    readonly isAsked: boolean;
  },
): Promise<SignSurvey> {
  const { sign } = record;
  const { manifest, client, now, isAsked } = parts;
  if (!isAsked && sign !== undefined && !isDue(sign, now)) return { record };
  const name = cvdSignName(database, record.version);
  const answer = await askForSign(name, client, etagOf(sign, now));
  const asked = now.toISOString();
  const published = manifest?.files[name]?.sha256;
  const isSame =
    answer === 'unchanged' || (typeof answer === 'object' && sha256Of(answer.bytes) === published);
  if (isSame || (published !== undefined && typeof answer !== 'object')) {
    return { record: { ...record, ...(sign && { sign: { ...sign, asked } }) } }; // ours is good, upstream's is gone
  }
  if (typeof answer === 'object') return { record, offer: answer };
  const outcome =
    answer === 'missing'
      ? ({ state: 'missing' } as const)
      : ({ state: 'withheld', reason: 'upstream sends too many bytes' } as const);
  return { record: { ...record, sign: signRecord(sign, outcome, { now: asked, asked }) } };
}

/**
 * ETag to which upstream may answer "unchanged". The manifest is nobody's word: of a `.sign` that we do not have, its ETag may
 * be that of a good one, so once a day it does not count; of one that is missing it never does.
 */
function etagOf(sign: DatabaseRecord['sign'], now: Date): string | undefined {
  if (sign?.state === 'published') return sign.etag;
  if (sign?.state !== 'withheld' || !isWithin(sign.asked, COMPARE_EVERY_MS, now)) return undefined;
  const day = (time: number) => Math.floor((time - Date.parse(sign.since)) / COMPARE_EVERY_MS);
  return day(now.getTime()) === day(Date.parse(sign.asked)) ? sign.etag : undefined;
}

function isDue({ state, asked, notAfter }: NonNullable<DatabaseRecord['sign']>, now: Date): boolean {
  if (state !== 'published') return true;
  const left = Date.parse(notAfter ?? '') - now.getTime();
  const age = now.getTime() - Date.parse(asked);
  return !(left > ENDS_SOON_MS) || !(age >= 0 && age < COMPARE_EVERY_MS);
}

function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
