import { counted } from '../../base/words.ts';
import { cdiffName, cdiffSignName } from '../../cvd/names.ts';
import { verifyCdiffFile } from '../../files/verify.ts';
import type { VerifiedCdiff } from '../../verify/cdiff.ts';
import { isDoubtful } from '../ask-again.ts';
import { isMissing } from '../error.ts';
import type { AcquireContext } from './context.ts';
import { askForSign, stageSign } from './sign.ts';
import { takeWhole } from './take-whole.ts';

/** CDIFFs of a database, as the manifest records them. */
export interface CdiffChain {
  /** Versions to which the first and the last CDIFF of the unbroken chain up to the newest version lead. */
  readonly cdiffs: { readonly first: number; readonly last: number } | null;
  /** Versions of CDIFFs that upstream lacked when they were wanted. */
  readonly missingCdiffs: readonly number[];
}

/** Published version and CDIFFs of a database. */
export interface PublishedCdiffs {
  readonly version: number;
  readonly missingCdiffs: readonly number[];
  has(name: string): boolean;
}

/**
 * Brings CDIFFs up to `version` into the stage that are not published yet: those since the published version, and those
 * that were missing then. A new mirror gets the last ones, as far back as upstream still has them.
 */
export async function acquireCdiffs(
  database: string,
  version: number,
  published: PublishedCdiffs | undefined,
  context: AcquireContext,
): Promise<CdiffChain> {
  const first = Math.max(version - context.window + 1, 2);
  const missingCdiffs: number[] = [];
  let chainStart = version + 1;
  for (let step = version; step >= first; step--) {
    const wanted = published === undefined || isWanted(step, published);
    const have =
      published?.has(cdiffName(database, step)) || (wanted && (await acquireCdiff(database, step, context)));
    if (have && chainStart === step + 1) chainStart = step;
    if (!have && published === undefined) {
      logStart(database, { missing: step, version, first }, context);
      break; // a new mirror cannot use CDIFFs behind a gap
    }
    if (!have && wanted) missingCdiffs.unshift(step);
  }
  return { cdiffs: chainStart > version ? null : { first: chainStart, last: version }, missingCdiffs };
}

/** Logs why the chain is shorter than the window. Upstream may have more CDIFFs behind the gap. */
function logStart(
  database: string,
  { missing, version, first }: Record<'missing' | 'version' | 'first', number>,
  { log }: Pick<AcquireContext, 'log'>,
): void {
  const taken = version - missing;
  log.info(
    `${database}: upstream has no ${cdiffName(database, missing)}, so ${taken} of the last ${counted(version - first + 1, 'CDIFF')} can be taken. Clients with older versions get the whole CVD`,
  );
}

/** True for a CDIFF to ask for, also one that upstream lacked before: it may have it now (field-notes.md, defect 7). */
function isWanted(step: number, { version, missingCdiffs }: PublishedCdiffs): boolean {
  return step > version || missingCdiffs.includes(step);
}

/** Brings one CDIFF and its `.sign`. Returns false if upstream does not have it. */
async function acquireCdiff(database: string, version: number, context: AcquireContext): Promise<boolean> {
  const name = cdiffName(database, version);
  const verified = await downloadCdiff(database, version, context);
  if (verified === undefined) return false;
  const signName = cdiffSignName(database, version);
  const answer = await askForSign(signName, context.client);
  const path = async () => context.stage.incoming(name);
  if (answer !== 'unchanged') await stageSign(signName, answer, { sha256: verified.sha256, path }, context);
  await context.stage.accept({ name, size: verified.size, sha256: verified.sha256, stored: false });
  return true;
}

/**
 * Downloads a CDIFF to its incoming name and proves it. Returns `undefined` if upstream lacks it, or keeps sending a
 * wrong one.
 */
export async function downloadCdiff(
  database: string,
  version: number,
  context: AcquireContext,
): Promise<VerifiedCdiff | undefined> {
  const { trust, stage, limits, log, lenient } = context;
  const name = cdiffName(database, version);
  const to = stage.incoming(name);
  const wanted = { of: name, to, limit: limits.cdiff };
  const prove = async () => await verifyCdiffFile(to, trust, { database, version });
  try {
    return await takeWhole(name, wanted, prove, context);
  } catch (error) {
    if (isMissing(error)) return undefined;
    if (lenient !== true || !isDoubtful(error)) throw error;
    log.warn(`${name} counts as missing: ${error.message}`);
    return undefined;
  }
}
