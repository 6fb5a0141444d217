import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf, explain } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import { type CvdHeader, HEADER_SIZE, parseHeader } from '../../cvd/header.ts';
import { cdiffName, cvdName, parseFileName } from '../../cvd/names.ts';
import { asVerdict, verifyCvdFile } from '../../files/verify.ts';
import { isDamage } from '../../store/damage.ts';
import type { Store } from '../../store/store.ts';
import { type VerifiedCvd, verifyHeader } from '../../verify/cvd.ts';
import { VerifyError } from '../../verify/error.ts';
import type { Trust } from '../../verify/trust.ts';
import { type DatabaseRecord, describeCvd, describeHeader, type Manifest } from '../manifest.ts';
import { inspectPin } from '../pin.ts';
import { filesOf, type Published, publishedAs } from '../published.ts';
import { completeRecords } from './completed-records.ts';

interface RecordContext {
  readonly store: Store;
  readonly trust: Trust;
  /** Folder for files fetched from the store. It is created and removed here. */
  readonly folder: string;
  readonly log: Log;
  readonly now: Date;
}

/** Published state, corrected by the files in the store. */
export interface CorrectedRecords {
  readonly published: Published;
  /** Headers of the published CVDs, by database. */
  readonly headers: ReadonlyMap<string, CvdHeader>;
  /** Findings for the report, by database. */
  readonly notes: ReadonlyMap<string, string>;
  /** True if the manifest of the store differs and must be replaced. */
  readonly isMended: boolean;
}

/**
 * Compares the manifest with the header of every CVD in the store, 512 bytes each. If they differ and the CVD is proven
 * as a whole with a hash of the manifest, the CVD corrects the manifest; otherwise the database counts as damaged. A
 * pin that no rollback can have made is removed. Invalid records are first completed from the files of the store. So a
 * wrong number in the unsigned manifest costs one cycle, not the mirror.
 */
export async function correctRecords(stored: Published, context: RecordContext): Promise<CorrectedRecords> {
  const { published, notes: unread } = await completeRecords(stored, context);
  const { manifest: before } = published;
  const headers = new Map<string, CvdHeader>();
  const notes = new Map(unread);
  const note = (database: string, text: string) =>
    notes.set(database, [notes.get(database), text].filter(Boolean).join('; '));
  if (before === undefined) return { published, headers, notes, isMended: false };
  let manifest = before;
  const doubted = new Set<string>();
  for (const [database, record] of Object.entries(before.databases)) {
    const { header, why } = await contradiction(database, record, published, before, context);
    if (header !== undefined) headers.set(database, header);
    if (why !== undefined) {
      const hashes = [record.sha256, before.files[cvdName(database)]?.sha256];
      const cvd = await provenCvd(database, hashes, published, context);
      if (cvd === undefined) doubted.add(database);
      else {
        manifest = corrected(manifest, database, cvd);
        headers.set(database, cvd.header);
      }
      const fate = cvd === undefined ? 'it will be acquired again' : `it is version ${cvd.header.version}`;
      note(database, `the manifest is wrong about ${cvdName(database)}: ${why}; ${fate}`);
    }
    const pinned = withoutBogusPin(manifest, database, context.now);
    if (pinned.why !== undefined) {
      manifest = pinned.manifest;
      note(database, pinned.why);
    }
  }
  for (const [database, text] of notes) context.log.warn(`${database}: ${text}`);
  const found = manifest === before ? published : publishedAs(manifest, published);
  // the manifest of the store keeps invalid records until they can be replaced
  const isMended = manifest !== stored.manifest && published.unread === undefined;
  const databases = new Map([...found.databases].filter(([database]) => !doubted.has(database)));
  const damaged = [...new Set([...found.damaged, ...doubted])];
  return { published: { ...found, databases, damaged }, headers, notes, isMended };
}

/**
 * Difference between a record and the header of its CVD in the store. A CVD that is gone or has another size counts as
 * damaged anyway.
 */
async function contradiction(
  database: string,
  record: DatabaseRecord,
  { listing }: Published,
  manifest: Manifest,
  { store, trust }: RecordContext,
): Promise<{ header?: CvdHeader; why?: string }> {
  const name = cvdName(database);
  const size = listing.get(name);
  const file = manifest.files[name];
  if (size === undefined || (size !== record.size && size !== file?.size)) return {};
  if (size < HEADER_SIZE) return { why: `it has ${size} bytes` };
  try {
    const start = await store.readStart(name, HEADER_SIZE);
    const header = asVerdict(() => verifyHeader(parseHeader(start), trust));
    const said = { ...record, inFiles: file?.sha256 === record.sha256 && file.size === record.size };
    const so = { ...describeHeader(header), size, inFiles: true };
    const wrong = (Object.keys(so) as (keyof typeof so)[]).find((key) => said[key] !== so[key]);
    if (wrong === 'inFiles') return { header, why: 'the manifest has two hashes of it' };
    if (wrong !== undefined) return { header, why: `its ${wrong} is ${so[wrong]}, not ${said[wrong]}` };
    return chainIsOne(database, record, manifest)
      ? { header }
      : { header, why: 'its CDIFFs do not form a chain' };
  } catch (error) {
    if (codeOf(error) === 'store/missing') return {};
    if (!(error instanceof VerifyError)) throw error;
    return { why: explain(error) };
  }
}

/** True if the chain of CDIFFs in a record ends at its version and all of it is in the manifest. */
function chainIsOne(database: string, record: DatabaseRecord, { files }: Manifest): boolean {
  const { version, cdiffs, missingCdiffs } = record;
  if (missingCdiffs.some((step) => step > version || step < 1)) return false;
  if (cdiffs === null) return true;
  if (cdiffs.last !== version || cdiffs.first > version || cdiffs.first < 1) return false;
  for (let step = version; step >= cdiffs.first; step--) {
    if (files[cdiffName(database, step)] === undefined) return false;
  }
  return true;
}

/** CVD of the store, if it is proven as a whole and has one of these hashes: no engine has tried any other. */
async function provenCvd(
  database: string,
  hashes: readonly (string | undefined)[],
  { listing }: Published,
  { store, trust, folder }: RecordContext,
): Promise<VerifiedCvd | undefined> {
  const path = join(folder, cvdName(database));
  await mkdir(folder, { recursive: true });
  try {
    await store.fetch(cvdName(database), path, listing.get(cvdName(database)));
    const cvd = await verifyCvdFile(path, trust, { database });
    return hashes.includes(cvd.sha256) ? cvd : undefined;
  } catch (error) {
    if (isDamage(error)) return undefined;
    throw error;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Manifest with the fields of a proven CVD, and the CDIFFs that lead to it. */
function corrected(manifest: Manifest, database: string, cvd: VerifiedCvd): Manifest {
  const before = manifest.databases[database];
  const { version } = cvd.header;
  const described = describeCvd(cvd);
  const { size, sha256 } = described;
  const steps = new Set(
    filesOf(manifest, database).flatMap((name) => {
      const file = parseFileName(name);
      return file?.kind === 'cdiff' ? [file.version] : [];
    }),
  );
  let first = version;
  while (steps.has(first - 1)) first--;
  const record: DatabaseRecord = {
    ...described,
    cdiffs: steps.has(version) ? { first, last: version } : null,
    missingCdiffs: (before?.missingCdiffs ?? []).filter((step) => step >= 1 && step <= version),
    // the `.sign` of another version does not fit
    ...(before?.version === version && before.sign !== undefined && { sign: before.sign }),
    ...(before?.held !== undefined && { held: before.held }),
  };
  return {
    ...manifest,
    databases: { ...manifest.databases, [database]: record },
    files: { ...manifest.files, [cvdName(database)]: { size, sha256 } },
  };
}

function withoutBogusPin(
  manifest: Manifest,
  database: string,
  now: Date,
): { readonly manifest: Manifest; readonly why?: string } {
  const record = manifest.databases[database];
  const { bogus } = record === undefined ? {} : inspectPin(database, record, manifest, now);
  if (record === undefined || bogus === undefined) return { manifest };
  const { held: _, ...free } = record;
  return {
    manifest: { ...manifest, databases: { ...manifest.databases, [database]: free } },
    why: `ignoring the pin in the manifest: ${bogus}`,
  };
}
