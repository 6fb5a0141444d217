import { rename } from 'node:fs/promises';
import { codeOf, explain } from '../../base/errors.ts';
import { REBUILD_STEPS } from '../../base/limits/upstream.ts';
import { bytes, counted } from '../../base/words.ts';
import type { CvdHeader } from '../../cvd/header.ts';
import { cdiffName, cvdName } from '../../cvd/names.ts';
import { verifyCvdFile } from '../../files/verify.ts';
import { rebuildCvd } from '../../rebuild/rebuild-cvd.ts';
import type { VerifiedCld } from '../../verify/cld.ts';
import type { VerifiedCvd } from '../../verify/cvd.ts';
import { downloadCdiff } from './cdiffs.ts';
import type { AcquireContext } from './context.ts';
import { takeWhole } from './take-whole.ts';

/** A new version, as upstream's signed header announces it. */
export interface Offer {
  readonly database: string;
  readonly header: CvdHeader;
  /** Bytes 512 to 521 of the CVD. */
  readonly gzipHeader: Uint8Array;
}

/** A proven CVD or CLD on this machine. */
export interface Previous {
  readonly path: string;
  readonly verified: VerifiedCvd | VerifiedCld;
}

export interface AcquiredCvd {
  readonly cvd: VerifiedCvd;
  readonly how: 'rebuilt' | 'downloaded';
  /** Reason why it was not rebuilt. */
  readonly because?: string;
}

/**
 * Brings the offered CVD into the stage: rebuilt from the previous one and the CDIFFs in between if that gives exactly
 * the CVD that Talos signed, otherwise downloaded whole.
 */
export async function acquireCvd(
  offer: Offer,
  previous: Previous | undefined,
  context: AcquireContext,
): Promise<AcquiredCvd> {
  const name = cvdName(offer.database);
  const rebuilt = await rebuild(offer, previous, context);
  const acquired: AcquiredCvd =
    typeof rebuilt === 'string'
      ? { cvd: await download(offer, rebuilt, context), how: 'downloaded', because: rebuilt }
      : { cvd: rebuilt, how: 'rebuilt' };
  const { size, sha256 } = acquired.cvd;
  await context.stage.accept({ name, size, sha256, stored: false });
  await context.partials?.discard(name);
  return acquired;
}

async function download(
  { database, header }: Offer,
  because: string,
  context: AcquireContext,
): Promise<VerifiedCvd> {
  const { trust, stage, limits, log } = context;
  const name = cvdName(database);
  const expected = { database, version: header.version };
  log.info(`${database}: downloading version ${header.version}, because ${because}`);
  const to = stage.incoming(name);
  const wanted = { of: header.md5, to, limit: limits.cvd };
  return await takeWhole(name, wanted, async () => await verifyCvdFile(to, trust, expected), context);
}

/** Rebuilds the CVD, or returns the reason to download it. */
async function rebuild(
  offer: Offer,
  previous: Previous | undefined,
  context: AcquireContext,
): Promise<VerifiedCvd | string> {
  if (previous === undefined) return 'there is no earlier version to rebuild it from';
  const { database, header, gzipHeader } = offer;
  const { stage, trust, log } = context;
  const { verified } = previous;
  const from = verified.header.version;
  const output = stage.incoming(cvdName(database));
  if (from > header.version) return `the store has version ${from} already`;
  if (from === header.version && 'md5' in verified) {
    if (verified.header.md5 !== header.md5) return `the store has another version ${from}`;
    await rename(previous.path, output); // a killed run got this far
    return verified;
  }
  const cdiffs = await cdiffsSince(from, offer, context);
  if (typeof cdiffs === 'string') return cdiffs;
  log.info(
    `${database}: rebuilding version ${header.version} from ${'md5' in verified ? '' : 'the CLD of '}version ${from} and ${counted(cdiffs.length, 'CDIFF')}`,
  );
  try {
    const task = { database, old: previous.path, cdiffs, header, gzipHeader, output };
    return await rebuildCvd(task, trust, (done) => log.progress(`${database}: ${bytes(done)} rebuilt`));
  } catch (error) {
    if (codeOf(error) === 'file/full') throw error; // a download would find no room either
    return `it could not be rebuilt: ${explain(error)}`;
  }
}

/** CDIFFs of all steps, or the reason why one cannot be used. Steps before the window are not published. */
async function cdiffsSince(
  from: number,
  { database, header }: Offer,
  context: AcquireContext,
): Promise<{ version: number; path: string }[] | string> {
  if (header.version - from > REBUILD_STEPS)
    return `it is ${counted(header.version - from, 'version')} ahead`;
  const cdiffs: { version: number; path: string }[] = [];
  for (let version = from + 1; version <= header.version; version++) {
    const name = cdiffName(database, version);
    const staged = context.stage.files.get(name);
    const outside = staged === undefined && version <= header.version - context.window;
    const size = outside ? (await downloadCdiff(database, version, context))?.size : staged?.size;
    if (size === undefined) return `${name} is missing`;
    if (size === 0) return `${name} is empty, which asks for that`;
    cdiffs.push({ version, path: outside ? context.stage.incoming(name) : context.stage.path(name) });
  }
  return cdiffs;
}
