import { inOrder } from '../base/order.ts';
import { cvdSignName, type FileName, isArchived, parseFileName } from '../cvd/names.ts';
import type { Stage } from '../files/stage.ts';
import { isOurName } from '../store/file-name.ts';
import type { FileRecord } from '../store/file-record.ts';
import type { Publication, Store } from '../store/store.ts';
import type { ArchiveCopy } from './archive.ts';
import { encodeManifest, type Manifest } from './manifest.ts';
import { pagesOf } from './pages.ts';

/**
 * Publishes exactly the files that were proven: new files of the stage in the order of scripts/README.md, then pages,
 * and the manifest last. A CVD is in the archive before another one takes its name. Every file is hashed again while it
 * is copied, so the published bytes are the proven ones (field-notes.md, defect 11). Files that `next` retires are
 * removed at the end. Files that no manifest named are never touched.
 */
export async function publish(
  store: Store,
  tag: string | undefined,
  change: {
    stage: Stage | undefined;
    archive?: readonly ArchiveCopy[];
    /** Extras, proven as the databases are. */
    extras?: readonly ProvenFile[];
    next: Manifest;
    /** Texts by name that tell of `next`, written after everything that they tell of. */
    face?: ReadonlyMap<string, string>;
    /** True to trust nothing in the store: every file is sent and read back. */
    anew?: boolean;
  },
): Promise<void> {
  const { stage, archive = [], extras = [], next, face = new Map(), anew = false } = change;
  const isNamed = (name: string) => next.files[name] !== undefined; // others did not fit into the mirror
  await using publication = await store.begin(tag, { anew });
  const staged = [...(stage?.files.values() ?? [])].filter((file) => !file.stored && isNamed(file.name));
  const puts: Put[] = [
    ...staged.map((file) => ({
      ...file,
      path: stage?.path(file.name) ?? '',
      built: builtOf(file.name, next),
    })),
    ...archive.filter(({ name }) => isNamed(name)),
    ...extras.map((file) => ({ ...file, built: nextSecond() })),
  ];
  for (const { name, path, sha256, built } of puts.sort(inOrderOfPublication)) {
    // the Last-Modified of a web server must not be older than the build time of the CVD (clamav-formats.md §0.4)
    const mtime = built === undefined ? {} : { mtime: new Date(built) };
    await publication.put(name, path, { sha256, ...mtime });
  }
  for (const [name, text] of [...pagesOf(next), ...face]) await publication.write(name, text);
  await publication.commit(encodeManifest(next));
  await removeRetired(next, publication);
}

/**
 * Retired files of a manifest that may be removed: only files of its own databases, never those that the owner keeps
 * under his own names. Somebody else may have written the manifest.
 */
export function removable({ retired, databases }: Pick<Manifest, 'retired' | 'databases'>): string[] {
  return retired.filter((name) => {
    const database = parseFileName(name)?.database ?? '';
    return isOurName(name) && Object.hasOwn(databases, database);
  });
}

/**
 * Removes retired files. In the archive, where the owner may keep CVDs too, removes only the exact files that were
 * published.
 */
export async function removeRetired(next: Manifest, publication: Pick<Publication, 'remove'>): Promise<void> {
  for (const name of removable(next)) {
    const record = next.retiredFiles?.[name];
    if (!isArchived(parseFileName(name))) await publication.remove(name);
    else if (record !== undefined) await publication.remove(name, record);
  }
  const { files = {}, retired = [] } = next.extras ?? {};
  for (const name of retired) if (!Object.hasOwn(files, name)) await publication.remove(name);
}

/** Records of the retired files in the archive, each from the first of the manifests that knows the file. */
export function retiredFilesOf(
  retired: readonly string[],
  manifests: readonly (Manifest | undefined)[],
): Pick<Manifest, 'retiredFiles'> {
  const known = retired.flatMap((name) => {
    const file = parseFileName(name);
    if (!isArchived(file)) return [];
    const records = manifests.map((manifest) => recordIn(manifest, name, file));
    const record = records.find((one) => one !== undefined);
    return record === undefined ? [] : [[name, record] as const];
  });
  return known.length === 0 ? {} : { retiredFiles: Object.fromEntries(known) };
}

/**
 * Finds the record of an archived file. A run that was killed before its manifest may have put the served files into
 * the archive, so the served record counts too.
 */
function recordIn(
  manifest: Manifest | undefined,
  name: string,
  { kind, database, version }: Extract<FileName, { kind: 'archive' | 'archive-sign' }>,
): FileRecord | undefined {
  const served = manifest?.databases[database];
  const described = manifest?.files[name] ?? manifest?.retiredFiles?.[name];
  if (described !== undefined || served?.version !== version) return described;
  if (kind === 'archive-sign') return manifest?.files[cvdSignName(database, version)];
  return { size: served.size, sha256: served.sha256 };
}

/**
 * Last-Modified of an extra: clients ask by the second of their own download, so a change in that same second must be later
 * than that.
 */
function nextSecond(): string {
  return new Date(Math.floor(Date.now() / 1000 + 1) * 1000).toISOString();
}

/** A file on this machine that was proven. */
export interface ProvenFile {
  readonly name: string;
  readonly path: string;
  readonly sha256: string;
}

interface Put extends ProvenFile {
  readonly built: string | undefined;
}

/** Sorts CDIFFs and `.sign` files before CVDs: a client that sees a new version can reach it. */
function inOrderOfPublication(a: Put, b: Put): number {
  return rankOf(a.name) - rankOf(b.name) || inOrder(a.name, b.name);
}

function rankOf(name: string): number {
  const kind = parseFileName(name)?.kind;
  return kind === 'cvd' ? 2 : kind === 'archive' ? 1 : 0; // an archived .sign may come early too
}

function builtOf(name: string, next: Manifest): string | undefined {
  const file = parseFileName(name);
  return file?.kind === 'cvd' ? next.databases[file.database]?.built : undefined;
}
