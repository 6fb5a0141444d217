import { cvdName, isArchived, parseFileName } from '../cvd/names.ts';
import type { FileRecord } from '../store/file-record.ts';
import { type Store, StoreError } from '../store/store.ts';
import type { DatabaseRecord, Manifest } from './manifest.ts';
import { parseOwnManifest, type Unread, unreadNames } from './own-manifest.ts';

/** State of the store, as far as its manifest and its listing agree. */
export interface Published {
  readonly manifest: Manifest | undefined;
  /** Tag of the manifest, for `Store.begin`. */
  readonly tag: string | undefined;
  /** Databases whose CVD and CDIFFs are all in the store with the right size. */
  readonly databases: ReadonlyMap<string, DatabaseRecord>;
  /** Parts of the manifest that are not valid and not in `manifest`. */
  readonly unread?: Unread | undefined;
  /** Databases whose record is not valid, or with a CVD or CDIFF that is missing or has another size. */
  readonly damaged: readonly string[];
  /** Published `.sign` files that are missing or have another size. The next cycle acquires them again. */
  readonly lostSigns: readonly string[];
  /** Sizes in bytes of all files in the store, by name. */
  readonly listing: ReadonlyMap<string, number>;
}

/**
 * Reads the published state. Throws `store/manifest` or `store/unreadable`, because an unreadable store is not an empty
 * one (field-notes.md, defect 14).
 */
export async function readPublished(store: Store): Promise<Published> {
  const found = await store.readManifest();
  const listing = await store.list();
  if (found === undefined) {
    return {
      manifest: undefined,
      tag: undefined,
      databases: new Map(),
      damaged: [],
      lostSigns: [],
      listing,
    };
  }
  const { manifest, unread } = parseOwnManifest(found.text, store.where);
  return publishedAs(manifest, { tag: found.tag, listing, unread });
}

/** Reads the manifest that is published now, whatever a cycle did. Throws like `readPublished`. */
export async function manifestOf(store: Store): Promise<Manifest | undefined> {
  const found = await store.readManifest();
  return found === undefined ? undefined : parseOwnManifest(found.text, store.where).manifest;
}

/** State of a store with these files and this manifest. */
export function publishedAs(
  manifest: Manifest,
  { tag, listing, unread }: Pick<Published, 'tag' | 'listing' | 'unread'>,
): Published {
  const databases = new Map<string, DatabaseRecord>();
  const damaged: string[] = [];
  for (const [database, record] of Object.entries(manifest.databases)) {
    const names = filesOf(manifest, database).filter((name) => parseFileName(name)?.kind !== 'sign');
    const whole =
      names.includes(cvdName(database)) &&
      names.every((name) => isListed(name, manifest.files[name], { listing }));
    if (whole) databases.set(database, record);
    else damaged.push(database);
  }
  for (const database of unread?.databases.keys() ?? []) {
    if (manifest.databases[database] === undefined) damaged.push(database);
  }
  const lostSigns = Object.entries(manifest.files)
    .filter(([name, record]) => parseFileName(name)?.kind === 'sign' && !isListed(name, record, { listing }))
    .map(([name]) => name);
  return { manifest, tag, databases, damaged, lostSigns, listing, unread };
}

/** Version of a database according to the manifest, even if the rest of its record is not valid. */
export function claimedVersion({ manifest, unread }: Published, database: string): number | undefined {
  return manifest?.databases[database]?.version ?? unread?.databases.get(database)?.parts.version;
}

/**
 * Requires a fully valid manifest, so that the next one loses nothing. Throws `store/manifest`; a cycle repairs the
 * manifest.
 */
export function requireUnderstood({ unread }: Published, { where }: Pick<Store, 'where'>): void {
  if (unread === undefined) return;
  const what = `the manifest of ${where} is not valid for ${JSON.stringify(unreadNames(unread)[0])}`;
  throw new StoreError('store/manifest', what, {
    advice: 'Nothing was changed. Run sync first: it repairs the manifest',
  });
}

/** True if the store has a file of this name and size. */
export function isListed(
  name: string,
  record: Pick<FileRecord, 'size'> | undefined,
  { listing }: Pick<Published, 'listing'>,
): boolean {
  return record !== undefined && listing.get(name) === record.size;
}

/** Names of the published files of a database, without the archive, which clients never ask for. */
export function filesOf(manifest: Manifest | undefined, database: string): string[] {
  return Object.keys(manifest?.files ?? {}).filter((name) => {
    const file = parseFileName(name);
    return file?.database === database && !isArchived(file);
  });
}
