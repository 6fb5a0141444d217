import { rename } from 'node:fs/promises';
import { codeOf, explain } from '../../base/errors.ts';
import { REBUILD_STEPS } from '../../base/limits/upstream.ts';
import { bytes, counted } from '../../base/words.ts';
import type { CvdHeader } from '../../cvd/header.ts';
import { cdiffName, cvdName } from '../../cvd/names.ts';
import { verifyCvdFile } from '../../files/verify.ts';
import { rebuildCvd } from '../../rebuild/rebuild-cvd.ts';
import type { VerifiedCvd } from '../../verify/cvd.ts';
import { VerifyError } from '../../verify/error.ts';
import { takeProven } from '../ask-again.ts';
import { downloadCdiff } from './cdiffs.ts';
import type { AcquireParts } from './context.ts';

/** A new version as upstream's signed header announces it. */
export interface Offer {
  readonly database: string;
  readonly header: CvdHeader;
  /** Bytes 512 to 521 of its CVD. */
  readonly gzipHeader: Uint8Array;
}

/** A proven CVD that the mirror has already. */
export interface Previous {
  readonly path: string;
  readonly verified: VerifiedCvd;
}

export interface AcquiredCvd {
  readonly cvd: VerifiedCvd;
  readonly how: 'rebuilt' | 'downloaded';
  /** Why it was not rebuilt. */
  readonly because?: string;
}

/**
 * Brings the offered CVD into the stage: rebuilt from the previous one and the CDIFFs in between
 * where that gives exactly the CVD that Talos signed, else downloaded whole.
 */
export async function acquireCvd(
  offer: Offer,
  previous: Previous | undefined,
  parts: AcquireParts,
): Promise<AcquiredCvd> {
  const name = cvdName(offer.database);
  const rebuilt = await rebuild(offer, previous, parts);
  const acquired: AcquiredCvd =
    typeof rebuilt === 'string'
      ? { cvd: await download(offer, rebuilt, parts), how: 'downloaded', because: rebuilt }
      : { cvd: rebuilt, how: 'rebuilt' };
  const { size, sha256 } = acquired.cvd;
  await parts.stage.accept({ name, size, sha256, stored: false });
  await parts.partials?.discard(name);
  return acquired;
}

async function download(
  { database, header }: Offer,
  because: string,
  parts: AcquireParts,
): Promise<VerifiedCvd> {
  const { client, trust, stage, limits, log, partials } = parts;
  const name = cvdName(database);
  const expected = { database, version: header.version };
  log.info(`${database}: downloading version ${header.version}, because ${because}`);
  const to = stage.incoming(name);
  return await takeProven(name, log, async (asking) => {
    const isOfParts = asking.fresh
      ? undefined
      : await partials?.download(name, { of: header.md5, to, limit: limits.cvd }, client);
    if (isOfParts === undefined) await client.download(name, to, limits.cvd, asking);
    if (isOfParts === true) {
      try {
        return await verifyCvdFile(to, trust, expected);
      } catch (error) {
        if (!(error instanceof VerifyError)) throw error;
        log.info(
          `${name}: with what was kept of it, it is not what Talos signed (${explain(error)}); once more, whole`,
        );
        await client.download(name, to, limits.cvd);
      }
    }
    return await verifyCvdFile(to, trust, expected);
  });
}

/** Returns the rebuilt CVD, or the reason why it is to be downloaded. */
async function rebuild(
  offer: Offer,
  previous: Previous | undefined,
  parts: AcquireParts,
): Promise<VerifiedCvd | string> {
  if (previous === undefined) return 'there is no earlier version to rebuild it from';
  const { database, header, gzipHeader } = offer;
  const { stage, trust, log } = parts;
  const from = previous.verified.header.version;
  const output = stage.incoming(cvdName(database));
  if (from > header.version) return `the store has version ${from} already`;
  if (from === header.version) {
    if (previous.verified.header.md5 !== header.md5) return `the store has another version ${from}`;
    await rename(previous.path, output); // a run that was killed had brought it that far
    return previous.verified;
  }
  const cdiffs = await cdiffsSince(from, offer, parts);
  if (typeof cdiffs === 'string') return cdiffs;
  log.info(
    `${database}: rebuilding version ${header.version} from version ${from} and ${counted(cdiffs.length, 'CDIFF')}`,
  );
  try {
    const task = { database, old: previous.path, cdiffs, header, gzipHeader, output };
    return await rebuildCvd(task, trust, (done) => log.progress(`${database}: ${bytes(done)} rebuilt`));
  } catch (error) {
    if (codeOf(error) === 'file/full') throw error; // nor would there be room for a download
    return `it could not be rebuilt: ${explain(error)}`;
  }
}

/** The CDIFFs of every step, or what is wrong with one. Steps that are older than the window are not published. */
async function cdiffsSince(
  from: number,
  { database, header }: Offer,
  parts: AcquireParts,
): Promise<{ version: number; path: string }[] | string> {
  if (header.version - from > REBUILD_STEPS)
    return `it is ${counted(header.version - from, 'version')} ahead`;
  const cdiffs: { version: number; path: string }[] = [];
  for (let version = from + 1; version <= header.version; version++) {
    const name = cdiffName(database, version);
    const staged = parts.stage.files.get(name);
    const outside = staged === undefined && version <= header.version - parts.window;
    const size = outside ? (await downloadCdiff(database, version, parts))?.size : staged?.size;
    if (size === undefined) return `${name} is missing`;
    if (size === 0) return `${name} is empty, which asks for that`;
    cdiffs.push({ version, path: outside ? parts.stage.incoming(name) : parts.stage.path(name) });
  }
  return cdiffs;
}
