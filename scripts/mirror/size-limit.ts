import { bytes } from '../base/log.ts';
import { archiveName, archiveSignName, cdiffSignName, parseFileName } from '../cvd/names.ts';
import { StoreError } from '../store/store.ts';
import { archiveOf } from './archive.ts';
import { type DatabaseRecord, type Manifest, textOf } from './manifest.ts';
import { pagesOf } from './pages.ts';
import { filesOf } from './published.ts';

/**
 * The same mirror in at most `limit` bytes, its manifest and pages counted. What clients can do without gives way: first
 * the archive, the oldest of each database before the second oldest of any; then CDIFFs, those that are furthest behind
 * first, so that every database keeps a window of one length. CVDs stay, and the last step to each.
 * Clients that miss a CDIFF take the CVD, as those do that begin empty.
 * Throws `store/too-large`.
 */
export function fitInto(manifest: Manifest, limit = Number.POSITIVE_INFINITY): Manifest {
  // of the mirror as it is: with fewer files they are smaller
  const pages = [textOf(manifest), ...pagesOf(manifest).values()];
  let total = sum([...pages.map((text) => Buffer.byteLength(text)), ...sizesOf(manifest)]);
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
  if (total > limit) throw tooLarge(fitted, total, limit);
  return fitted;
}

/** Files that go together. */
interface Dispensable {
  readonly names: readonly string[];
  readonly database: string;
  /** Of a CDIFF: the version that it leads to. */
  readonly step?: number;
}

/** What a mirror can do without, in the order in which it goes; of one age, the largest first. */
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
  /** How many versions are newer. */
  readonly age: number;
  /** Bytes. */
  readonly size: number;
}

function byRank(a: Rank, b: Rank): number {
  return b.age - a.age || b.size - a.size;
}

/** Without the CDIFFs up to this one; what was missing of them is not asked for any more. */
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
  const what = `the mirror takes ${bytes(total)} at least, and may take ${bytes(limit)}`;
  return new StoreError('store/too-large', what, {
    advice: `Raise --max-mirror-size, or leave a database out: ${list.join(', ')}`,
  });
}

function sizesOf({ files }: Manifest): number[] {
  return Object.values(files).map(({ size }) => size);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
