import { counted } from '../../base/words.ts';
import { cdiffName, cdiffSignName } from '../../cvd/names.ts';
import { verifyCdiffFile } from '../../files/verify.ts';
import type { VerifiedCdiff } from '../../verify/cdiff.ts';
import { isDoubtful, takeProven } from '../ask-again.ts';
import { isMissing } from '../error.ts';
import type { AcquireParts } from './context.ts';
import { askForSign, stageSign } from './sign.ts';

/** The CDIFFs of a database, as the manifest records them. */
export interface CdiffChain {
  /** The unbroken chain that ends at the newest version: the versions that its first and last lead to. */
  readonly cdiffs: { readonly first: number; readonly last: number } | null;
  /** Those that upstream did not have when they were wanted. */
  readonly missingCdiffs: readonly number[];
}

/** What is published of a database, as far as it matters here. */
export interface PublishedCdiffs {
  readonly version: number;
  readonly missingCdiffs: readonly number[];
  has(name: string): boolean;
}

/**
 * Brings those CDIFFs into the stage that lead to `version` and are not published yet: the ones since the
 * published version and those that were missing then, or for a new mirror the last ones as far back as upstream
 * still has them.
 */
export async function acquireCdiffs(
  database: string,
  version: number,
  published: PublishedCdiffs | undefined,
  parts: AcquireParts,
): Promise<CdiffChain> {
  const first = Math.max(version - parts.window + 1, 2);
  const missingCdiffs: number[] = [];
  let chainStart = version + 1;
  for (let step = version; step >= first; step--) {
    const wanted = published === undefined || isWanted(step, published);
    const have =
      published?.has(cdiffName(database, step)) || (wanted && (await acquireCdiff(database, step, parts)));
    if (have && chainStart === step + 1) chainStart = step;
    if (!have && published === undefined) {
      sayWhereItBegins(database, { missing: step, version, first }, parts);
      break; // a new mirror: what lies behind a gap is of no use
    }
    if (!have && wanted) missingCdiffs.unshift(step);
  }
  return { cdiffs: chainStart > version ? null : { first: chainStart, last: version }, missingCdiffs };
}

/** Whoever expects more of them learns why: of a gap nobody can tell whether something lies behind it. */
function sayWhereItBegins(
  database: string,
  { missing, version, first }: Record<'missing' | 'version' | 'first', number>,
  { log }: Pick<AcquireParts, 'log'>,
): void {
  const taken = version - missing;
  log.info(
    `${database}: upstream has no ${cdiffName(database, missing)}, so of the last ${counted(version - first + 1, 'CDIFF')} ${taken} can be taken, and none before it; clients older than that get the whole CVD`,
  );
}

/** A CDIFF that upstream lacks once must not be missing for ever (field-notes.md, defect 7). */
function isWanted(step: number, { version, missingCdiffs }: PublishedCdiffs): boolean {
  return step > version || missingCdiffs.includes(step);
}

/** Brings one CDIFF and its `.sign`; returns false if upstream does not have it. */
async function acquireCdiff(database: string, version: number, parts: AcquireParts): Promise<boolean> {
  const name = cdiffName(database, version);
  const verified = await downloadCdiff(database, version, parts);
  if (verified === undefined) return false;
  const signName = cdiffSignName(database, version);
  const answer = await askForSign(signName, parts.client);
  const path = async () => parts.stage.incoming(name);
  if (answer !== 'unchanged') await stageSign(signName, answer, { sha256: verified.sha256, path }, parts);
  await parts.stage.accept({ name, size: verified.size, sha256: verified.sha256, stored: false });
  return true;
}

/** Downloads a CDIFF to its incoming name and proves it; `undefined` if upstream does not have it, or not a right one for long. */
export async function downloadCdiff(
  database: string,
  version: number,
  { client, trust, stage, limits, log, lenient }: AcquireParts,
): Promise<VerifiedCdiff | undefined> {
  const name = cdiffName(database, version);
  const path = stage.incoming(name);
  try {
    return await takeProven(name, log, async (asking) => {
      await client.download(name, path, limits.cdiff, asking);
      return await verifyCdiffFile(path, trust, { database, version });
    });
  } catch (error) {
    if (isMissing(error)) return undefined;
    if (lenient !== true || !isDoubtful(error)) throw error;
    log.warn(`${name} is as good as missing: ${error.message}`);
    return undefined;
  }
}
