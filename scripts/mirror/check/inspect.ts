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

const DAY = 24 * 60 * 60_000;
/** Files that are read at a time. */
const AT_ONCE = 4;
/** The size of a file whose bytes are not what the manifest says: that of no record, so it counts as none. */
const BROKEN = -1;

export interface InspectionParts {
  readonly store: Store;
  readonly trust: Trust;
  /** Where this machine remembers what it has read. */
  readonly work: string;
  /** For what goes back into the store; made and removed here. */
  readonly folder: string;
  readonly log: Log;
  readonly now: Date;
  /** Whether to read every byte, whatever is remembered. */
  readonly all: boolean;
  /** Whether to leave the store as it is. */
  readonly isDry: boolean;
}

/** The published state, without what is broken in its place. */
export interface Inspected {
  readonly published: Published;
  /** Files that were broken, those that are healed included: then nothing in the store is to be believed. */
  readonly broken: readonly string[];
  /** When all that is served of a database had last been read, by database; without those of which that is not known. */
  readonly hashed: ReadonlyMap<string, string>;
}

/**
 * Looks for files that were damaged where they are. One that looks other than when it was read is read at once; each is
 * read anew in the time that its store sets, a folder's in a day, a bucket's in a week, a part of it each day. A broken
 * file is put back from a copy on this machine, if there is one that is proven. Else it counts as missing, so that the
 * cycle takes its database anew and keeps nothing of it in the archive.
 */
export async function inspect(published: Published, parts: InspectionParts): Promise<Inspected> {
  const { manifest } = published;
  if (manifest === undefined) return { published, broken: [], hashed: new Map() };
  const { store, work, log } = parts;
  const known = await readSightings(work, store.where);
  const { sightings, broken } = await lookAt(manifest, published, known, parts);
  if (broken.length > 0 && (await store.readManifest())?.tag !== published.tag)
    return { published, broken: [], hashed: new Map() }; // somebody publishes just now: what we read may be his
  for (const name of broken) log.warn(`${name} in ${store.where} is not the file that the manifest names`);
  const healed = parts.isDry ? [] : await heal(broken, manifest, published, parts);
  await writeSightings(work, store.where, sightings).catch((error) =>
    log.warn(`cannot remember what was verified: ${explain(error)}`),
  );
  const left = broken.filter((name) => !healed.includes(name));
  const { tag } = healed.length === 0 ? published : ((await store.readManifest()) ?? published);
  const found = without(left, manifest, { ...published, tag });
  return { published: found, broken, hashed: hashedIn(manifest, sightings) };
}

async function lookAt(
  manifest: Manifest,
  published: Published,
  known: ReadonlyMap<string, Sighting>,
  { store, now, all }: InspectionParts,
): Promise<{ sightings: Map<string, Sighting>; broken: string[] }> {
  const { sight } = store;
  const seals = await sight.seals();
  const sightings = new Map<string, Sighting>();
  const broken: string[] = [];
  const limit = pLimit(AT_ONCE);
  const looks = Object.entries(manifest.files).map(([name, record]) =>
    limit(async () => {
      const seal = seals.get(name);
      if (seal === undefined || !isListed(name, record, published)) return; // missing, as everybody can see
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
  await Promise.all(looks);
  return { sightings, broken: broken.sort() };
}

/** As long ago as for the file that was read the longest ago. */
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
  return isFar && age > DAY && isItsDay(name, now);
}

/** Every file has a day of the week, so that a seventh of all is read each day, also by machines that forget. */
function isItsDay(name: string, now: Date): boolean {
  const day = createHash('sha256').update(name).digest().readUInt32BE() % 7;
  return Math.floor(now.getTime() / DAY) % 7 === day;
}

/** Puts back what a copy on this machine has. Returns those names; none if the store cannot be written to now. */
async function heal(
  broken: readonly string[],
  manifest: Manifest,
  { tag }: Published,
  { store, trust, folder, log }: InspectionParts,
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
    log.info(`put back from copies on this machine: ${names.join(', ')}`);
    return names;
  } catch (error) {
    log.warn(`what is broken could not be put back from copies: ${explain(error)}`);
    return [];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The manifest may be somebody else's: what goes back is proven by more than its hash. A `.sign` is judged in each cycle. */
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

/** The same state, in which these files are of no use. */
function without(broken: readonly string[], manifest: Manifest, published: Published): Published {
  if (broken.length === 0) return published;
  const listing = new Map(published.listing);
  for (const name of broken) listing.set(name, BROKEN);
  const found = publishedAs(manifest, { ...published, listing });
  const databases = new Map([...found.databases].filter(([name]) => published.databases.has(name)));
  return { ...found, databases, damaged: [...new Set([...published.damaged, ...found.damaged])] };
}
