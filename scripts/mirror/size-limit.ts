import { bytes } from '../base/log.ts';
import { archiveName, archiveSignName, cdiffSignName, parseFileName } from '../cvd/names.ts';
import { StoreError } from '../store/store.ts';
import { archiveOf } from './archive.ts';
import { type DatabaseRecord, type Manifest, textOf } from './manifest.ts';
import { pagesOf } from './pages.ts';
import { filesOf } from './published.ts';

/**
 * Shrinks a mirror to at most `limit` bytes, including its manifest and pages, and `faceBytes` of others that tell of it.
 * Files that clients can do without go first: the archive, the oldest version of every database before the second oldest
 * of any, then the CDIFFs that are furthest behind, so that all databases keep equally long windows. CVDs stay, and so
 * does the last CDIFF of each database. A client that misses a CDIFF takes the CVD, as an empty client does. Throws
 * `store/too-large`.
 */
export function fitInto(manifest: Manifest, limit = Number.POSITIVE_INFINITY, faceBytes = 0): Manifest {
  // measured with all files: with fewer, manifest and pages get smaller
  const pages = [textOf(manifest), ...pagesOf(manifest).values()];
  let total = sum([faceBytes, ...pages.map((text) => Buffer.byteLength(text)), ...sizesOf(manifest)]);
  const files = { ...manifest.files };
  const databases = { ...manifest.databases };
  for (const { names, database, step } of dispensable(manifest)) {
    if (total <= limit) break;
    for (const name of names) {
      total -= files[name]?.size ?? 0;
      delete files[name];
    }
    const record = databases[database];
    if (step !== undefined && record !== undefined) databases[database] = startingAfter(step, record);
  }
  const fitted = { ...manifest, databases, files };
  const ofExtras = sum(Object.values(manifest.extras?.files ?? {}).map(({ size }) => size));
  if (total - ofExtras > limit) throw tooLarge(fitted, total, limit); // extras hold no database up
  return fitted;
}

/** Files that are dropped together. */
interface Dispensable {
  readonly names: readonly string[];
  readonly database: string;
  /** Version that a CDIFF leads to. */
  readonly step?: number;
}

/** Dispensable files in the order in which they are dropped; of the same age, the largest first. */
function dispensable(manifest: Manifest): Dispensable[] {
  const archive: (Dispensable & Rank)[] = [];
  const cdiffs: (Dispensable & Rank)[] = [];
  for (const [database, { version }] of Object.entries(manifest.databases)) {
    for (const [age, [earlier, { size }]] of [...archiveOf(manifest, database)].entries()) {
      const names = [archiveName(database, earlier), archiveSignName(database, earlier)];
      archive.push({ names, database, age, size });
    }
    for (const name of filesOf(manifest, database)) {
      const file = parseFileName(name);
      if (file?.kind !== 'cdiff' || file.version === version) continue;
      const step = file.version;
      const names = [name, cdiffSignName(database, step)];
      cdiffs.push({ names, database, step, age: version - step, size: manifest.files[name]?.size ?? 0 });
    }
  }
  return [...archive.sort(byRank), ...cdiffs.sort(byRank)];
}

interface Rank {
  /** Number of newer versions. */
  readonly age: number;
  /** Bytes. */
  readonly size: number;
}

function byRank(a: Rank, b: Rank): number {
  return b.age - a.age || b.size - a.size;
}

/** Record without the CDIFFs up to this one. Missing CDIFFs among them are no longer asked for. */
function startingAfter(step: number, record: DatabaseRecord): DatabaseRecord {
  const { cdiffs, missingCdiffs } = record;
  return {
    ...record,
    cdiffs: cdiffs && { ...cdiffs, first: Math.max(cdiffs.first, step + 1) },
    missingCdiffs: missingCdiffs.filter((missing) => missing > step),
  };
}

function tooLarge(manifest: Manifest, total: number, limit: number): StoreError {
  const parts = Object.keys(manifest.databases).map((database) => {
    const taken = sum(filesOf(manifest, database).map((name) => manifest.files[name]?.size ?? 0));
    return { database, taken };
  });
  const list = parts
    .sort((a, b) => b.taken - a.taken)
    .map(({ database, taken }) => `${database} ${bytes(taken)}`);
  const what = `the mirror needs at least ${bytes(total)}, but the limit is ${bytes(limit)}`;
  return new StoreError('store/too-large', what, {
    advice: `Raise --max-mirror-size, or mirror fewer databases: ${list.join(', ')}`,
  });
}

function sizesOf({ files, extras }: Manifest): number[] {
  return [...Object.values(files), ...Object.values(extras?.files ?? {})].map(({ size }) => size);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
