import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { SIGN_BYTES } from '../../base/limits/databases.ts';
import { type CvdHeader, HEADER_SIZE, parseHeader } from '../../cvd/header.ts';
import { cdiffName, cvdName, type FileName, parseFileName } from '../../cvd/names.ts';
import { proveSignAt } from '../../files/sign.ts';
import { asVerdict, verifyByKind } from '../../files/verify.ts';
import { isDamage } from '../../store/damage.ts';
import type { FileRecord } from '../../store/file-record.ts';
import type { Store } from '../../store/store.ts';
import { verifyHeader } from '../../verify/cvd.ts';
import type { Trust } from '../../verify/trust.ts';
import { type DatabaseRecord, DatabaseSchema, describeHeader, type Manifest } from '../manifest.ts';
import type { Unread, UnreadDatabase } from '../own-manifest.ts';
import { type Published, publishedAs } from '../published.ts';

interface FillContext {
  readonly store: Store;
  readonly trust: Trust;
  /** Folder for files fetched from the store. It is created and removed here. */
  readonly folder: string;
}

/** Published state with invalid records replaced by records of the files in the store. */
export interface Filled {
  readonly published: Published;
  /** Errors of the manifest, by database. */
  readonly notes: ReadonlyMap<string, string>;
}

/**
 * Replaces invalid records of the store's own manifest by what its files show. A database keeps its valid fields,
 * including its pin, and gets the others from the header of its CVD. A file gets a record if it is proven. A database
 * without a header or a hash stays out of the manifest and counts as damaged, so the cycle acquires it again. A file
 * that is not proven is retired; if it is a CDIFF, upstream is asked for it again.
 */
export async function completeRecords(published: Published, context: FillContext): Promise<Filled> {
  const { manifest, unread } = published;
  if (manifest === undefined || unread === undefined) return { published, notes: new Map() };
  const files: Record<string, FileRecord> = { ...manifest.files };
  const named = unread.files.flatMap((name) => {
    const file = parseFileName(name);
    return file === undefined || name === cvdName(file.database) ? [] : [{ name, file }];
  });
  const isSign = ({ file }: { file: FileName }) => file.kind === 'sign' || file.kind === 'archive-sign';
  const fill = async (wanted: typeof named) => {
    for (const { name, file } of wanted) {
      const record = await provenRecord(name, file, { files, published }, context);
      if (record !== undefined) files[name] = record;
    }
  };
  await fill(named.filter((one) => !isSign(one)));
  const databases: Record<string, DatabaseRecord> = { ...manifest.databases };
  for (const [database, entry] of unread.databases) {
    const record = await filledRecord(database, entry, { files, published }, context);
    if (record !== undefined) databases[database] = record;
  }
  for (const [database, { size, sha256 }] of Object.entries(databases)) {
    const name = cvdName(database);
    if (files[name] === undefined && unread.files.includes(name)) files[name] = { size, sha256 };
  }
  await fill(named.filter(isSign));
  const lost = unread.files.filter((name) => files[name] === undefined);
  const filled = {
    ...manifest,
    databases: withMissing(databases, lost),
    files,
    retired: [...new Set([...manifest.retired, ...lost])],
  };
  const leftOut = new Map([...unread.databases].filter(([database]) => databases[database] === undefined));
  const left = leftOut.size === 0 ? undefined : { databases: leftOut, files: [], strangers: [] };
  return { published: publishedAs(filled, { ...published, unread: left }), notes: notesOf(unread, filled) };
}

/** Completed record of a database; `undefined` if neither the manifest nor the store knows enough. */
async function filledRecord(
  database: string,
  { parts: known }: UnreadDatabase,
  { files, published }: { files: Manifest['files']; published: Published },
  context: FillContext,
): Promise<DatabaseRecord | undefined> {
  const name = cvdName(database);
  const header = await storedHeader(name, published, context);
  const said = { ...(header && describeHeader(header)), ...known };
  const { version = 0, missingCdiffs = [] } = said;
  const { size = published.listing.get(name), sha256 } = files[name] ?? {};
  const record = { size, sha256, cdiffs: chainTo(version, database, files), ...said };
  const missing = missingCdiffs.filter((step) => step >= 1 && step <= version);
  const parsed = v.safeParse(DatabaseSchema, { ...record, missingCdiffs: missing });
  return parsed.success ? parsed.output : undefined;
}

/** Header of the CVD in the store, if Talos signed it. */
async function storedHeader(
  name: string,
  { listing }: Published,
  { store, trust }: FillContext,
): Promise<CvdHeader | undefined> {
  if ((listing.get(name) ?? 0) < HEADER_SIZE) return undefined;
  try {
    const start = await store.readStart(name, HEADER_SIZE);
    return asVerdict(() => verifyHeader(parseHeader(start), trust));
  } catch (error) {
    if (isDamage(error)) return undefined;
    throw error;
  }
}

function chainTo(version: number, database: string, files: Manifest['files']): DatabaseRecord['cdiffs'] {
  let first = version + 1;
  while (files[cdiffName(database, first - 1)] !== undefined) first--;
  return first > version ? null : { first, last: version };
}

/** Record of a file in the store, if the file is proven. */
async function provenRecord(
  name: string,
  file: FileName,
  { files, published }: { files: Manifest['files']; published: Published },
  { store, trust, folder }: FillContext,
): Promise<FileRecord | undefined> {
  const size = published.listing.get(name);
  if (size === undefined || file.kind === 'cvd') return undefined;
  const fetched = async (wanted: string) => {
    const path = join(folder, wanted.replace('/', '-'));
    await store.fetch(wanted, path, wanted === name ? size : files[wanted]?.size);
    return path;
  };
  await mkdir(folder, { recursive: true });
  try {
    if (file.kind === 'sign' || file.kind === 'archive-sign') {
      const { sha256 } = files[file.signs] ?? {};
      if (sha256 === undefined || size > SIGN_BYTES) return undefined;
      const signed = { sha256, path: async () => await fetched(file.signs) };
      return await proveSignAt(await fetched(name), signed, trust);
    }
    return await verifyByKind(await fetched(name), file, trust);
  } catch (error) {
    if (isDamage(error)) return undefined;
    throw error;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Adds lost CDIFFs to those that upstream is asked for. */
function withMissing(databases: Manifest['databases'], lost: readonly string[]): Manifest['databases'] {
  const found: Record<string, DatabaseRecord> = { ...databases };
  for (const name of lost) {
    const file = parseFileName(name);
    const record = file && found[file.database];
    if (file?.kind !== 'cdiff' || record === undefined || file.version > record.version) continue;
    const missingCdiffs = [...new Set([...record.missingCdiffs, file.version])].sort((a, b) => a - b);
    found[file.database] = { ...record, missingCdiffs };
  }
  return found;
}

/** One sentence for each database, however many errors its record has. */
function notesOf({ databases, files, strangers }: Unread, filled: Manifest): Map<string, string> {
  const notes = new Map<string, string>();
  const add = (database: string, text: string) =>
    notes.set(database, [notes.get(database), text].filter(Boolean).join('; '));
  for (const [database, { why, isPinLost }] of databases) {
    const version = filled.databases[database]?.version;
    const fate = version === undefined ? 'it will be acquired again' : `its files have version ${version}`;
    const pin = isPinLost ? ', and its invalid pin is ignored' : '';
    add(database, `its record in the manifest is not valid (${why}): ${fate}${pin}`);
  }
  for (const database of new Set(files.map((name) => parseFileName(name)?.database ?? ''))) {
    const names = files.filter((name) => parseFileName(name)?.database === database);
    add(database, `the manifest has no valid size and hash of ${listed(names)}`);
  }
  if (strangers.length > 0) {
    const names = strangers.map((name) => JSON.stringify(name.slice(0, 80)));
    add('manifest', `it has names that this program never uses: ${listed(names)}`);
  }
  return notes;
}

function listed(names: readonly string[], most = 3): string {
  const more = names.length > most ? ` and ${names.length - most} more` : '';
  return `${names.slice(0, most).join(', ')}${more}`;
}
