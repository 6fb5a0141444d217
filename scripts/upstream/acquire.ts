import { cdiffName, cdiffSignName, cvdName, cvdSignName } from '../cvd/names.ts';
import { verifyCdiffFile, verifyCvdFile } from '../files/verify.ts';
import type { Log } from '../log.ts';
import type { Stage } from '../stage.ts';
import type { DatabaseRecord } from '../store/manifest.ts';
import type { VerifiedCvd } from '../verify/cvd.ts';
import type { Trust } from '../verify/trust.ts';
import type { UpstreamClient } from './client.ts';
import { isMissing } from './error.ts';
import { acquireSign } from './sign.ts';

/** Bytes that upstream may send at most. */
export interface Limits {
  readonly cvd: number;
  readonly cdiff: number;
  readonly sign: number;
}

export interface AcquireParts {
  readonly client: UpstreamClient;
  readonly trust: Trust;
  readonly stage: Stage;
  readonly limits: Limits;
  /** How many CDIFFs are kept. */
  readonly window: number;
  readonly log: Log;
}

/** Brings the CVD of exactly the version that upstream's signed header promised, with its `.sign`, into the stage. */
export async function acquireCvd(
  database: string,
  version: number,
  parts: AcquireParts,
): Promise<VerifiedCvd> {
  const { client, trust, stage, limits } = parts;
  const name = cvdName(database);
  await client.download(name, stage.incoming(name), limits.cvd);
  const verified = await verifyCvdFile(stage.incoming(name), trust, { database, version });
  await acquireSign(cvdSignName(database, version), stage.incoming(name), parts);
  await stage.accept({ name, size: verified.size, sha256: verified.sha256, stored: false });
  return verified;
}

/**
 * Brings those CDIFFs into the stage that lead to `version` and are not there yet: the missing ones since the
 * published version, or for a new mirror the last ones as far back as upstream still has them.
 * Returns the chain as the manifest records it.
 */
export async function acquireCdiffs(
  database: string,
  version: number,
  published: DatabaseRecord | undefined,
  parts: AcquireParts,
): Promise<Pick<DatabaseRecord, 'cdiffs' | 'missingCdiffs'>> {
  const first = Math.max(version - parts.window + 1, 2);
  const oldest = published?.cdiffs?.first ?? (published?.version ?? 0) + 1;
  const missingCdiffs: number[] = [];
  let chainStart = version + 1;
  let broken = false;
  for (let step = version; step >= first; step--) {
    const there = parts.stage.files.has(cdiffName(database, step));
    const wanted = published === undefined || step >= oldest || published.missingCdiffs.includes(step);
    const have = there || (wanted && (await acquireCdiff(database, step, parts)));
    if (!have && wanted && published !== undefined) missingCdiffs.unshift(step);
    if (!have) broken = true;
    if (!broken) chainStart = step;
    if (broken && published === undefined) break; // a new mirror: what lies behind a gap is of no use
  }
  return { cdiffs: chainStart > version ? null : { first: chainStart, last: version }, missingCdiffs };
}

/** Returns false if upstream does not have it. */
async function acquireCdiff(database: string, version: number, parts: AcquireParts): Promise<boolean> {
  const { client, trust, stage, limits } = parts;
  const name = cdiffName(database, version);
  try {
    await client.download(name, stage.incoming(name), limits.cdiff);
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
  const { size, sha256 } = await verifyCdiffFile(stage.incoming(name), trust, version);
  await acquireSign(cdiffSignName(database, version), stage.incoming(name), parts);
  await stage.accept({ name, size, sha256, stored: false });
  return true;
}
