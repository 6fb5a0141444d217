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

export interface RetentionContext {
  readonly store: Store;
  readonly published: Published;
  readonly trust: Trust;
  readonly stage: Stage;
  readonly log: Log;
}

/** One database of a stage: its next record, and the path of the CVD that clients have now. */
export interface Replacement {
  readonly database: string;
  readonly record: DatabaseRecord | undefined;
  readonly isNew: boolean;
  readonly publishedCvd?: string | undefined;
  readonly publishedSign?: string | undefined;
}

/**
 * CVDs that get replaced by another version, for the archive, each with its `.sign`. Each is proven to be the one that
 * the manifest describes. It comes from this machine, from the store under its own name, or from the archive, where a
 * run that was killed before its manifest may have put it. A CVD that is in none of these places is skipped with a
 * warning.
 */
export async function archiveCopies(
  updates: readonly Replacement[],
  keep: number,
  context: RetentionContext,
): Promise<ArchiveCopy[]> {
  const copies: ArchiveCopy[] = [];
  if (keep === 0) return copies;
  for (const { database, record: next, publishedCvd, publishedSign } of updates) {
    const replaced = context.published.manifest?.databases[database];
    if (next === undefined || replaced === undefined || replaced.version === next.version) continue;
    const path = await findReplaced(database, replaced, publishedCvd, context);
    const { version, size, sha256, built } = replaced;
    const name = archiveName(database, version);
    if (path === undefined) {
      context.log.warn(
        `not archiving ${database} ${version}: it is missing from ${context.store.where} or damaged`,
      );
      continue;
    }
    copies.push({ name, path, size, sha256, database, version, built });
    const sign = context.published.manifest?.files[cvdSignName(database, version)];
    if (sign === undefined) continue;
    const signPath = publishedSign ?? (await fetchPublishedSign(database, version, context));
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
  { store, published, stage, trust }: RetentionContext,
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

/** Archived CVD on this machine. */
export interface RetainedCvd {
  readonly version: number;
  readonly path: string;
  /** Path of its `.sign`, if there is one. */
  readonly sign: string | undefined;
}

/** Archived CVDs on this machine, by database, and the names of unusable ones in the store. */
export interface Retained {
  readonly cvds: ReadonlyMap<string, readonly RetainedCvd[]>;
  readonly unusable: readonly string[];
}

/**
 * Fetches to paths outside the stage the archived CVDs of updated databases from which CDIFFs lead to the next version.
 * Each is proven as if a stranger had sent it. A CVD that the manifest does not describe is `unusable`, with a warning.
 */
export async function fetchRetained(
  updates: readonly Replacement[],
  context: RetentionContext,
): Promise<Retained> {
  const { store, published, stage, trust, log } = context;
  const cvds = new Map<string, RetainedCvd[]>();
  const unusable: string[] = [];
  for (const { database, version, record, next } of archivedBeside(updates, published)) {
    const name = archiveName(database, version);
    const path = stage.incoming(`retained-${database}-${version}.cvd`);
    try {
      if (!isListed(name, record, published)) {
        throw new StoreError('store/missing', `it is missing from ${store.where} or has another size`);
      }
      if (!leadsTo(next, version)) continue;
      await store.fetch(name, path, record.size);
      await verifyArchived(path, { database, version, sha256: record.sha256 }, trust);
      const sign = await fetchArchivedSign(database, version, context);
      cvds.set(database, [...(cvds.get(database) ?? []), { version, path, sign }]);
    } catch (error) {
      if (!isDamage(error)) throw error;
      log.warn(`removing ${name} from the archive: ${explain(error)}`);
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

/**
 * True if CDIFFs lead from this version to the next one. A client needs the CDIFF to the version after its own, and all
 * later ones.
 */
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
