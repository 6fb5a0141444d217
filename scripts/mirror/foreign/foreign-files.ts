import { parseFileName } from '../../cvd/names.ts';
import type { Store } from '../../store/store.ts';
import type { Manifest } from '../manifest.ts';
import { removable } from '../publish.ts';
import type { Published } from '../published.ts';

/**
 * Names under which clients ask for databases, and under which freshclam and other tools leave files. The archive has
 * no such names.
 */
const DATABASE_FILE = /^[A-Za-z]\w{0,31}(?:-\d{1,10})?\.(?:cvd|cld|cud|cdiff)(?:\.sign)?$/;
/** Prefix for files of the owner of the mirror. */
const OWNERS = /^local_/;

/** True for a name of a database, CDIFF or `.sign` of any version, except names of the owner. */
export function isDatabaseFile(name: string): boolean {
  return DATABASE_FILE.test(name) && !OWNERS.test(name);
}

/**
 * Foreign files among these names: clients would take them for databases of this mirror, but its manifest does not name
 * them. Nobody has proven such a file, and PrivateMirror clients prefer a `.cld` to the CVD. Without a manifest the
 * owner of the files is unknown, so no file is foreign. Files that a publication is adding or will remove are not
 * foreign either.
 */
export function foreignFiles(manifest: Manifest | undefined, names: Iterable<string>): string[] {
  if (manifest === undefined) return [];
  const leaving = new Set(removable(manifest));
  return [...names]
    .filter((name) => isDatabaseFile(name) && !Object.hasOwn(manifest.files, name))
    .filter((name) => !leaving.has(name) && !mayBeComing(name, manifest))
    .sort();
}

/** Foreign files of a store. In a folder, links count too. */
export async function foreignFilesIn(
  store: Pick<Store, 'names'>,
  { manifest, listing }: Pick<Published, 'manifest' | 'listing'>,
): Promise<string[]> {
  if (manifest === undefined) return [];
  return foreignFiles(manifest, (await store.names?.()) ?? listing.keys());
}

/** True for a file of a later version: the manifest is replaced last. */
function mayBeComing(name: string, { databases }: Manifest): boolean {
  const file = parseFileName(name);
  const published =
    Object.hasOwn(databases, file?.database ?? '') && databases[file?.database ?? '']?.version;
  return file?.version !== undefined && typeof published === 'number' && file.version > published;
}
