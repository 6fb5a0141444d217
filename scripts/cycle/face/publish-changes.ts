import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { codeOf, explain } from '../../base/errors.ts';
import { type Bring, type Completion, completeChanges, type DatabaseFiles } from '../../changes/complete.ts';
import { archiveName, cdiffName, cvdName, parseChangesName } from '../../cvd/names.ts';
import { chunksOf } from '../../files/open.ts';
import { archivedVersions } from '../../mirror/archive.ts';
import type { Manifest } from '../../mirror/manifest.ts';
import { isListed, type Published, readPublished } from '../../mirror/published.ts';
import { TOLD_LATER } from '../../page/face.ts';
import type { CycleDeps } from '../context.ts';
import type { Progress } from '../progress.ts';
import type { CycleSettings } from '../settings.ts';

/** The run whose publications are told of. */
interface Run extends Pick<CycleDeps, 'store' | 'log'> {
  readonly progress: Pick<Progress, 'surveys' | 'updates' | 'report'>;
  /** What was published when its last turn began. */
  readonly seen: Published | undefined;
  /** Folder of the run, which is gone at its end. */
  readonly folder: string;
}

/**
 * Publishes which signatures came and went with each version, as far as the store lacks that: of the versions that this
 * run published, and of earlier ones that a killed run left out. Returns whether it published anything. A cycle counts
 * whether or not this succeeds, and no publication of databases waits for it.
 */
export async function publishChanges(
  { maxMirrorSize, dryRun }: Pick<CycleSettings, 'maxMirrorSize' | 'dryRun'>,
  { store, log, progress, folder, seen }: Run,
): Promise<boolean> {
  if (dryRun) return false;
  try {
    const isNew = progress.report().outcome === 'published';
    const published = isNew || seen === undefined ? await readPublished(store) : seen; // a quiet run asks once
    const { manifest, listing } = published;
    if (manifest === undefined) return false;
    const names = Object.keys(manifest.databases);
    const room = maxMirrorSize && (maxMirrorSize - bytesBeside(listing)) / names.length - TOLD_LATER;
    const found: Completion[] = [];
    for (const database of names) {
      const files = filesOf(database, { manifest, published, store, folder, replaced: replacedIn(progress) });
      const unpacked = join(folder, 'changes');
      const completion = await completeChanges(files, { ...{ store, listing, log, room }, folder: unpacked });
      if (completion !== undefined) found.push(completion);
    }
    if (found.length === 0) return false;
    const { tag } = published === seen ? await readPublished(store) : published;
    await using publication = await store.begin(tag);
    for (const [name, text] of found.flatMap(({ texts }) => [...texts])) await publication.write(name, text);
    await publication.commit();
    for (const name of found.flatMap(({ remove }) => remove)) await publication.remove(name);
    return true;
  } catch (error) {
    log.info(`the lists of changed signatures are not complete: ${explain(error)}`);
    return false;
  }
}

/** Bytes of everything in the store but lists of changes. */
function bytesBeside(listing: Published['listing']): number {
  return [...listing].reduce(
    (sum, [name, size]) => (parseChangesName(name) === undefined ? sum + size : sum),
    0,
  );
}

/** Paths of the CVDs that the last turn replaced, by database and version: the archive may not keep them. */
function replacedIn({ surveys, updates }: Run['progress']): ReadonlyMap<string, readonly [number, Bring]> {
  return new Map(
    updates.flatMap(({ database, publishedCvd: path }) => {
      const version = surveys.find((survey) => survey.database === database)?.published?.version;
      return path === undefined || version === undefined
        ? []
        : [[database, [version, async () => path] as const] as const];
    }),
  );
}

/** Files from which the changes of a database can be worked out. */
function filesOf(database: string, from: Sources): DatabaseFiles {
  const { manifest, published, replaced } = from;
  const record = manifest.databases[database];
  const { version = 0, cdiffs } = record ?? {};
  const isThere = (name: string) =>
    (manifest.files[name]?.size ?? 0) > 0 && isListed(name, manifest.files[name], published);
  const steps: number[] = [];
  for (let step = cdiffs?.first ?? 1; step <= (cdiffs?.last ?? 0); step++)
    if (isThere(cdiffName(database, step))) steps.push(step); // an empty one says nothing
  const earlier = archivedVersions(manifest, database).filter((one) => isThere(archiveName(database, one)));
  const own = replaced.get(database);
  return {
    ...{ database, version },
    cdiffs: new Map(steps.map((step) => [step, bringing(cdiffName(database, step), from)])),
    cvds: new Map([
      [version, bringing(cvdName(database), from)],
      ...earlier.map((one) => [one, bringing(archiveName(database, one), from)] as const),
      ...(own === undefined ? [] : [own]),
    ]),
  };
}

interface Sources {
  readonly manifest: Manifest;
  readonly published: Published;
  readonly store: CycleDeps['store'];
  readonly folder: string;
  readonly replaced: ReturnType<typeof replacedIn>;
}

/** Brings a file of the store that is still the one of the manifest, once. */
function bringing(name: string, { manifest, store, folder }: Sources): Bring {
  const path = join(folder, `changes-of-${name.replace('/', '-')}`);
  const { size, sha256 } = manifest.files[name] ?? { size: 0, sha256: '' };
  let brought: Promise<string | undefined> | undefined;
  const bring = async () => {
    try {
      await store.fetch(name, path, size);
    } catch (error) {
      if (codeOf(error) === 'store/missing' || codeOf(error) === 'store/limit') return undefined;
      throw error;
    }
    const hash = createHash('sha256');
    for await (const chunk of chunksOf(path)) hash.update(chunk);
    return hash.digest('hex') === sha256 ? path : undefined;
  };
  return () => (brought ??= bring());
}
