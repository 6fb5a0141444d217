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

interface FillParts {
  readonly store: Store;
  readonly trust: Trust;
  /** For what is fetched from the store; made and removed here. */
  readonly folder: string;
}

/** The published state, with what the files of the store tell in the place of what could not be understood. */
export interface Filled {
  readonly published: Published;
  /** By database, what was wrong with the manifest. */
  readonly notes: ReadonlyMap<string, string>;
}

/**
 * Fills what of the store's own manifest cannot be understood from the files of the store. A database keeps each field
 * that is understood, its pin among them, and gets the others from its CVD's own header; a file gets a record if it proves
 * out. A database without a header or a hash stays out of the manifest and counts as damaged: the cycle takes it anew. A
 * file that does not prove out is retired, and a CDIFF among them asked for again.
 */
export async function completeRecords(published: Published, parts: FillParts): Promise<Filled> {
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
      const record = await provenRecord(name, file, { files, published }, parts);
      if (record !== undefined) files[name] = record;
    }
  };
  await fill(named.filter((one) => !isSign(one)));
  const databases: Record<string, DatabaseRecord> = { ...manifest.databases };
  for (const [database, entry] of unread.databases) {
    const record = await filledRecord(database, entry, { files, published }, parts);
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

/** The record of a database; `undefined` where neither the manifest nor the store knows enough. */
async function filledRecord(
  database: string,
  { parts: known }: UnreadDatabase,
  { files, published }: { files: Manifest['files']; published: Published },
  parts: FillParts,
): Promise<DatabaseRecord | undefined> {
  const name = cvdName(database);
  const header = await storedHeader(name, published, parts);
  const said = { ...(header && describeHeader(header)), ...known };
  const { version = 0, missingCdiffs = [] } = said;
  const { size = published.listing.get(name), sha256 } = files[name] ?? {};
  const record = { size, sha256, cdiffs: chainTo(version, database, files), ...said };
  const missing = missingCdiffs.filter((step) => step >= 1 && step <= version);
  const parsed = v.safeParse(DatabaseSchema, { ...record, missingCdiffs: missing });
  return parsed.success ? parsed.output : undefined;
}

/** The header of the store's CVD, if it is one of Talos'. */
async function storedHeader(
  name: string,
  { listing }: Published,
  { store, trust }: FillParts,
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

/** What the store's file says of itself, if it proves out. */
async function provenRecord(
  name: string,
  file: FileName,
  { files, published }: { files: Manifest['files']; published: Published },
  { store, trust, folder }: FillParts,
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

/** With the CDIFFs among lost files as those that upstream is to be asked for. */
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

/** One sentence for each database, however much of it cannot be understood. */
function notesOf({ databases, files, strangers }: Unread, filled: Manifest): Map<string, string> {
  const notes = new Map<string, string>();
  const add = (database: string, text: string) =>
    notes.set(database, [notes.get(database), text].filter(Boolean).join('; '));
  for (const [database, { why, isPinLost }] of databases) {
    const version = filled.databases[database]?.version;
    const fate = version === undefined ? 'it is taken anew' : `its files tell of version ${version}`;
    const pin = isPinLost ? ', and its pin, which says nothing, is not obeyed' : '';
    add(database, `the manifest cannot be understood about it (${why}): ${fate}${pin}`);
  }
  for (const database of new Set(files.map((name) => parseFileName(name)?.database ?? ''))) {
    const names = files.filter((name) => parseFileName(name)?.database === database);
    add(database, `the manifest gives no size and hash of ${listed(names)}`);
  }
  if (strangers.length > 0) {
    const names = strangers.map((name) => JSON.stringify(name.slice(0, 80)));
    add('manifest', `it has names that none of our files has: ${listed(names)}`);
  }
  return notes;
}

function listed(names: readonly string[], most = 3): string {
  const more = names.length > most ? ` and ${names.length - most} more` : '';
  return `${names.slice(0, most).join(', ')}${more}`;
}
