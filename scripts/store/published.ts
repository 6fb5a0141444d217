import { cvdName, isArchived, parseFileName } from '../cvd/names.ts';
import { type DatabaseRecord, type FileRecord, type Manifest, parseManifest } from './manifest.ts';
import type { Store } from './store.ts';

/** What the store holds, as far as its manifest and its listing agree. */
export interface Published {
  readonly manifest: Manifest | undefined;
  /** For `Store.begin`. */
  readonly tag: string | undefined;
  /** Those databases of the manifest whose CVD and CDIFFs are all there with the right size. */
  readonly databases: ReadonlyMap<string, DatabaseRecord>;
  /** Databases of the manifest with a CVD or CDIFF that is missing or has another size. */
  readonly damaged: readonly string[];
  /** Published `.sign` files that are missing or have another size: the next cycle takes them anew. */
  readonly lostSigns: readonly string[];
  /** Size in bytes of every file in the store, by name. */
  readonly listing: ReadonlyMap<string, number>;
}

/**
 * Reads the published state. Throws `store/manifest`, `store/unreadable`: a store that cannot be read is not an
 * empty one (field-notes.md, defect 14).
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
  return publishedAs(parseManifest(found.text, store.where), { tag: found.tag, listing });
}

/** What a store with these files holds, if this is its manifest. */
export function publishedAs(
  manifest: Manifest,
  { tag, listing }: Pick<Published, 'tag' | 'listing'>,
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
  const lostSigns = Object.entries(manifest.files)
    .filter(([name, record]) => parseFileName(name)?.kind === 'sign' && !isListed(name, record, { listing }))
    .map(([name]) => name);
  return { manifest, tag, databases, damaged, lostSigns, listing };
}

/** Is there a file of this size in the store? */
export function isListed(
  name: string,
  record: Pick<FileRecord, 'size'> | undefined,
  { listing }: Pick<Published, 'listing'>,
): boolean {
  return record !== undefined && listing.get(name) === record.size;
}

/** Names of a database's published files, without its archive, which clients never ask for. */
export function filesOf(manifest: Manifest | undefined, database: string): string[] {
  return Object.keys(manifest?.files ?? {}).filter((name) => {
    const file = parseFileName(name);
    return file?.database === database && !isArchived(file);
  });
}
