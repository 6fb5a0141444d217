import { createHash } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import pLimit from 'p-limit';
import { explain } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import { parseFileName } from '../../cvd/names.ts';
import { verifyByKind } from '../../files/verify.ts';
import type { FileRecord } from '../../store/file-record.ts';
import type { Sight, Store } from '../../store/store.ts';
import { VerifyError } from '../../verify/error.ts';
import type { Trust } from '../../verify/trust.ts';
import type { Manifest } from '../manifest.ts';
import { filesOf, isListed, type Published, publishedAs } from '../published.ts';
import { readSightings, type Sighting, writeSightings } from './sightings.ts';

const DAY_MS = 24 * 60 * 60_000;
/** Number of files to read at a time. */
const FILES_AT_ONCE = 4;
/** Listed size of a damaged file: no record has it, so the file counts as missing. */
const DAMAGED_SIZE = -1;

export interface InspectionContext {
  readonly store: Store;
  readonly trust: Trust;
  /** Work folder, where this machine remembers which files it has read. */
  readonly work: string;
  /** Folder for files that go back into the store. It is created and removed here. */
  readonly folder: string;
  readonly log: Log;
  readonly now: Date;
  /** True to read every byte, whatever is remembered. */
  readonly all: boolean;
  /** True to leave the store as it is. */
  readonly isDry: boolean;
}

/** Published state without the damaged files. */
export interface Inspected {
  readonly published: Published;
  /** Damaged files, including those that were repaired. If there are any, nothing in the store is trusted. */
  readonly broken: readonly string[];
  /**
   * Last time by which all served files of a database had been read, by database. Databases with unread files are
   * absent.
   */
  readonly hashed: ReadonlyMap<string, string>;
}

/**
 * Finds files that were damaged in the store. A file whose seal changed is read at once. Every file is read again
 * within the time that its store sets, a day for a folder and a week for a bucket, a part of it each day. A damaged
 * file is replaced by a proven copy on this machine. Without one it counts as missing, so that the cycle acquires its
 * database again and keeps nothing of it in the archive.
 */
export async function inspect(published: Published, context: InspectionContext): Promise<Inspected> {
  const { manifest } = published;
  if (manifest === undefined) return { published, broken: [], hashed: new Map() };
  const { store, work, log } = context;
  const known = await readSightings(work, store.where);
  const { sightings, broken } = await readDueFiles(manifest, published, known, context);
  if (broken.length > 0 && (await store.readManifest())?.tag !== published.tag)
    return { published, broken: [], hashed: new Map() }; // somebody is publishing: the files may be theirs
  for (const name of broken) log.warn(`${name} in ${store.where} is not the file that the manifest names`);
  const repaired = context.isDry ? [] : await repair(broken, manifest, published, context);
  await writeSightings(work, store.where, sightings).catch((error) =>
    log.warn(`cannot save which files were verified: ${explain(error)}`),
  );
  const left = broken.filter((name) => !repaired.includes(name));
  const { tag } = repaired.length === 0 ? published : ((await store.readManifest()) ?? published);
  const found = without(left, manifest, { ...published, tag });
  return { published: found, broken, hashed: hashedIn(manifest, sightings) };
}

async function readDueFiles(
  manifest: Manifest,
  published: Published,
  known: ReadonlyMap<string, Sighting>,
  { store, now, all }: InspectionContext,
): Promise<{ sightings: Map<string, Sighting>; broken: string[] }> {
  const { sight } = store;
  const seals = await sight.seals();
  const sightings = new Map<string, Sighting>();
  const broken: string[] = [];
  const limit = pLimit(FILES_AT_ONCE);
  const reads = Object.entries(manifest.files).map(([name, record]) =>
    limit(async () => {
      const seal = seals.get(name);
      if (seal === undefined || !isListed(name, record, published)) return; // `published` already counts it as missing
      const { sha256, size } = record;
      const before = known.get(name);
      const seen = before?.sha256 === sha256 ? before : undefined;
      const isDue = all || isToRead(name, seal, seen, sight, now);
      if (isDue && (await sight.hash(name, size)) !== sha256) broken.push(name);
      else
        sightings.set(name, {
          sha256,
          seal,
          at: isDue ? now.toISOString() : (seen?.at ?? now.toISOString()),
          ...(!isDue && (seen === undefined || seen.unread) && { unread: true }),
        });
    }),
  );
  await Promise.all(reads);
  return { sightings, broken: broken.sort() };
}

/** Read time of each database: that of its file that was read longest ago. */
function hashedIn(manifest: Manifest, sightings: ReadonlyMap<string, Sighting>): Map<string, string> {
  const hashed = new Map<string, string>();
  for (const database of Object.keys(manifest.databases)) {
    const files = filesOf(manifest, database).map((name) => sightings.get(name));
    const times = files.flatMap((sighting) =>
      sighting === undefined || sighting.unread ? [] : [sighting.at],
    );
    const oldest = times.sort()[0];
    if (oldest !== undefined && times.length === files.length) hashed.set(database, oldest);
  }
  return hashed;
}

function isToRead(
  name: string,
  seal: string,
  seen: Sighting | undefined,
  { isFar, trustedFor }: Sight,
  now: Date,
): boolean {
  if (seen === undefined) return !isFar || isItsDay(name, now);
  const age = now.getTime() - Date.parse(seen.at);
  if (seen.seal !== seal || age < 0 || age >= trustedFor) return true;
  return isFar && age > DAY_MS && isItsDay(name, now);
}

/**
 * True on the day of the week when this file is read. So a seventh of all files is read each day, even by machines that
 * remember nothing.
 */
export function isItsDay(name: string, now: Date): boolean {
  const day = createHash('sha256').update(name).digest().readUInt32BE() % 7;
  return Math.floor(now.getTime() / DAY_MS) % 7 === day;
}

/**
 * Replaces damaged files by copies on this machine. Returns their names, or none if the store cannot be written now.
 */
async function repair(
  broken: readonly string[],
  manifest: Manifest,
  { tag }: Published,
  { store, trust, folder, log }: InspectionContext,
): Promise<readonly string[]> {
  if (broken.length === 0 || store.takeCopy === undefined) return [];
  await mkdir(folder, { recursive: true });
  try {
    const found: { name: string; path: string; record: FileRecord }[] = [];
    for (const [at, name] of broken.entries()) {
      const record = manifest.files[name];
      const path = join(folder, String(at));
      if (record === undefined || !(await store.takeCopy(record, path))) continue;
      if (await isGenuine(name, path, manifest, trust)) found.push({ name, path, record });
    }
    if (found.length === 0) return [];
    const current = await store.readManifest();
    await using publication = await store.begin(tag, { anew: true });
    for (const { name, path, record } of found) {
      const { kind, database = '' } = parseFileName(name) ?? {};
      const built = kind === 'cvd' ? manifest.databases[database]?.built : undefined;
      const mtime = built === undefined ? {} : { mtime: new Date(built) };
      await publication.put(name, path, { sha256: record.sha256, ...mtime });
    }
    await publication.commit(current?.text ?? '');
    const names = found.map(({ name }) => name);
    log.info(`repaired from copies on this machine: ${names.join(', ')}`);
    return names;
  } catch (error) {
    log.warn(`cannot repair damaged files from copies: ${explain(error)}`);
    return [];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * True if a copy is genuine. The manifest may be forged, so its hash is not enough. A `.sign` is checked in each cycle
 * anyway.
 */
async function isGenuine(name: string, path: string, manifest: Manifest, trust: Trust): Promise<boolean> {
  const file = parseFileName(name);
  if (file === undefined) return false;
  if ('signs' in file) return true;
  const { version = manifest.databases[file.database]?.version ?? 0 } = file;
  try {
    await verifyByKind(path, { ...file, version }, trust);
    return true;
  } catch (error) {
    if (error instanceof VerifyError) return false;
    throw error;
  }
}

/** Published state in which these files count as missing. */
function without(broken: readonly string[], manifest: Manifest, published: Published): Published {
  if (broken.length === 0) return published;
  const listing = new Map(published.listing);
  for (const name of broken) listing.set(name, DAMAGED_SIZE);
  const found = publishedAs(manifest, { ...published, listing });
  const databases = new Map([...found.databases].filter(([name]) => published.databases.has(name)));
  return { ...found, databases, damaged: [...new Set([...published.damaged, ...found.damaged])] };
}
