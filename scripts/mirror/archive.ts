import { archiveName, archiveSignName, parseFileName } from '../cvd/names.ts';
import type { FileRecord } from '../store/file-record.ts';
import type { DatabaseRecord, Manifest } from './manifest.ts';
import { isListed, type Published } from './published.ts';

/** CVD or `.sign` on this machine that the next publication puts into the archive. */
export interface ArchiveCopy extends FileRecord {
  readonly name: string;
  readonly path: string;
  readonly database: string;
  readonly version: number;
  /** Time when Talos built the CVD. */
  readonly built: string;
}

/** Record of the `.sign` kept with an earlier CVD. */
export function archivedSign(
  manifest: Manifest | undefined,
  database: string,
  version: number,
): FileRecord | undefined {
  return manifest?.files[archiveSignName(database, version)];
}

/** Earlier versions of a database in the archive, newest first. */
export function archivedVersions(manifest: Manifest | undefined, database: string): number[] {
  return [...archiveOf(manifest, database).keys()];
}

/** Earlier versions of a database in the archive with the records of their CVDs, newest first. */
export function archiveOf(manifest: Manifest | undefined, database: string): Map<number, FileRecord> {
  const archive = Object.entries(manifest?.files ?? {}).flatMap(([name, record]) => {
    const file = parseFileName(name);
    return file?.kind === 'archive' && file.database === database ? [[file.version, record] as const] : [];
  });
  return new Map(archive.sort(([a], [b]) => b - a));
}

/**
 * Files of the next archive. Of each database it keeps the `keep` newest earlier versions, each with its `.sign`, among
 * those in the store and those that are copied there now. `unusable` names damaged files of the store, which are left
 * out.
 */
export function nextArchive(
  databases: Readonly<Record<string, DatabaseRecord>>,
  from: {
    published: Published;
    copies?: readonly ArchiveCopy[];
    unusable?: readonly string[];
    keep: number;
  },
): Record<string, FileRecord> {
  const { published, copies = [], unusable = [], keep } = from;
  const archive: Record<string, FileRecord> = {};
  for (const [database, served] of Object.entries(databases)) {
    const earlier = archiveOf(published.manifest, database);
    for (const [version, record] of earlier) {
      const name = archiveName(database, version);
      if (!isListed(name, record, published) || unusable.includes(name)) earlier.delete(version);
    }
    const copied = new Map(copies.map(({ name, size, sha256 }) => [name, { size, sha256 }]));
    for (const { name, version, size, sha256 } of copies.filter((copy) => copy.database === database)) {
      if (name === archiveName(database, version)) earlier.set(version, { size, sha256 });
    }
    earlier.delete(served.version);
    const newest = [...earlier].sort(([a], [b]) => b - a).slice(0, keep);
    for (const [version, record] of newest) {
      archive[archiveName(database, version)] = record;
      const name = archiveSignName(database, version);
      const stored = archivedSign(published.manifest, database, version);
      const sign = copied.get(name) ?? (isListed(name, stored, published) ? stored : undefined);
      if (sign !== undefined) archive[name] = sign;
    }
  }
  return archive;
}
