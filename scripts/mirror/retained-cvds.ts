import { explain } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { archiveName, archiveSignName, cvdName, cvdSignName } from '../cvd/names.ts';
import type { Stage } from '../files/stage.ts';
import { verifyCvdFile } from '../files/verify.ts';
import { isDamage } from '../store/damage.ts';
import { type Store, StoreError } from '../store/store.ts';
import { VerifyError } from '../verify/error.ts';
import type { Trust } from '../verify/trust.ts';
import { type ArchiveCopy, archiveOf } from './archive.ts';
import type { DatabaseRecord } from './manifest.ts';
import { isListed, type Published } from './published.ts';
import { fetchArchivedSign, fetchPublishedSign } from './signs/published-sign.ts';

export interface RetentionParts {
  readonly store: Store;
  readonly published: Published;
  readonly trust: Trust;
  readonly stage: Stage;
  readonly log: Log;
}

/** One database of a stage: the next record, and a path of the CVD that clients have now. */
export interface Replacement {
  readonly database: string;
  readonly record: DatabaseRecord | undefined;
  readonly isNew: boolean;
  readonly publishedCvd?: string | undefined;
  readonly publishedSign?: string | undefined;
}

/**
 * The CVDs that are replaced by another version, to be kept. Each proves out as what the manifest describes: the one
 * at hand, or the store's, by its own name, or in the archive, where a run may have put it that was killed before
 * its manifest. One that is in none of these places is not kept, with a warning. Its `.sign` is kept with it.
 */
export async function archiveCopies(
  updates: readonly Replacement[],
  keep: number,
  parts: RetentionParts,
): Promise<ArchiveCopy[]> {
  const copies: ArchiveCopy[] = [];
  if (keep === 0) return copies;
  for (const { database, record: next, publishedCvd, publishedSign } of updates) {
    const replaced = parts.published.manifest?.databases[database];
    if (next === undefined || replaced === undefined || replaced.version === next.version) continue;
    const path = await findReplaced(database, replaced, publishedCvd, parts);
    const { version, size, sha256, built } = replaced;
    const name = archiveName(database, version);
    if (path === undefined) {
      parts.log.warn(`${database} ${version} is not kept: it is not in ${parts.store.where} any more`);
      continue;
    }
    copies.push({ name, path, size, sha256, database, version, built });
    const sign = parts.published.manifest?.files[cvdSignName(database, version)];
    if (sign === undefined) continue;
    const signPath = publishedSign ?? (await fetchPublishedSign(database, version, parts));
    if (signPath === undefined) continue;
    const signName = archiveSignName(database, version);
    copies.push({ ...sign, name: signName, path: signPath, database, version, built });
  }
  return copies;
}

async function findReplaced(
  database: string,
  replaced: DatabaseRecord,
  publishedCvd: string | undefined,
  { store, published, stage, trust }: RetentionParts,
): Promise<string | undefined> {
  const { version, sha256 } = replaced;
  const verify = (path: string) => verifyArchived(path, { database, version, sha256 }, trust);
  const fetched = stage.incoming(`replaced-${cvdName(database)}`);
  const places = [cvdName(database), archiveName(database, version)].filter((name) =>
    isListed(name, replaced, published),
  );
  const attempts = [
    ...(publishedCvd === undefined ? [] : [() => verify(publishedCvd)]),
    ...places.map((name) => async () => {
      await store.fetch(name, fetched, replaced.size);
      return await verify(fetched);
    }),
  ];
  for (const attempt of attempts) {
    try {
      return await attempt();
    } catch (error) {
      if (!isDamage(error)) throw error;
    }
  }
  return undefined;
}

/** An archived CVD on this machine. */
export interface RetainedCvd {
  readonly version: number;
  readonly path: string;
  /** Path of its `.sign`, if that is kept too. */
  readonly sign: string | undefined;
}

/** Archived CVDs on this machine, by database, and the names of those in the store that are of no use. */
export interface Retained {
  readonly cvds: ReadonlyMap<string, readonly RetainedCvd[]>;
  readonly unusable: readonly string[];
}

/**
 * Brings those archived CVDs of updated databases that CDIFFs lead from to the next version to places outside the
 * stage, each proven as if it came from a stranger. One that is not what the manifest describes is `unusable`, with a
 * warning.
 */
export async function fetchRetained(
  updates: readonly Replacement[],
  parts: RetentionParts,
): Promise<Retained> {
  const { store, published, stage, trust, log } = parts;
  const cvds = new Map<string, RetainedCvd[]>();
  const unusable: string[] = [];
  for (const { database, version, record, next } of archivedBeside(updates, published)) {
    const name = archiveName(database, version);
    const path = stage.incoming(`retained-${database}-${version}.cvd`);
    try {
      if (!isListed(name, record, published)) {
        throw new StoreError('store/missing', `${store.where} does not have it, or not whole`);
      }
      if (!leadsTo(next, version)) continue;
      await store.fetch(name, path, record.size);
      await verifyArchived(path, { database, version, sha256: record.sha256 }, trust);
      const sign = await fetchArchivedSign(database, version, parts);
      cvds.set(database, [...(cvds.get(database) ?? []), { version, path, sign }]);
    } catch (error) {
      if (!isDamage(error)) throw error;
      log.warn(`${name} is no longer kept: ${explain(error)}`);
      unusable.push(name);
    }
  }
  return { cvds, unusable };
}

function archivedBeside(updates: readonly Replacement[], { manifest }: Published) {
  return updates.flatMap(({ database, record: next, isNew }) => {
    if (!isNew || next === undefined) return [];
    return [...archiveOf(manifest, database)].map(([version, record]) => ({
      database,
      version,
      record,
      next,
    }));
  });
}

/** A client of this version needs the CDIFF to the one after it, and all that follow. */
function leadsTo({ version: to, cdiffs }: DatabaseRecord, version: number): boolean {
  return cdiffs !== null && version < to && version + 1 >= cdiffs.first;
}

async function verifyArchived(
  path: string,
  expected: { database: string; version: number; sha256: string },
  trust: Trust,
): Promise<string> {
  const { sha256 } = await verifyCvdFile(path, trust, expected);
  if (sha256 === expected.sha256) return path;
  throw new VerifyError('verify/mismatch', `${path} is not the CVD that the manifest names`);
}
