import { parseFileName } from '../../cvd/names.ts';
import type { Store } from '../../store/store.ts';
import type { Manifest } from '../manifest.ts';
import { removable } from '../publish.ts';
import type { Published } from '../published.ts';

/** Names by which clients ask for databases, none of which is in the archive, and what a freshclam or another tool leaves under them. */
const DATABASE_FILE = /^[A-Za-z]\w{0,31}(?:-\d{1,10})?\.(?:cvd|cld|cud|cdiff)(?:\.sign)?$/;
/** The mirror's owner has files of his own under such names. */
const OWNERS = /^local_/;

/** True for the name of a database, CDIFF or `.sign`, of whatever version; not for what the mirror's owner puts there. */
export function isDatabaseFile(name: string): boolean {
  return DATABASE_FILE.test(name) && !OWNERS.test(name);
}

/**
 * Those of the names that clients take for databases of this mirror and that its manifest does not name: nobody has
 * proven them, and a `.cld` comes before the CVD to PrivateMirror clients. Without a manifest there are none, for then
 * nothing is known of whose the files are. What a publication just brings, or will remove, is not foreign.
 */
export function foreignFiles(manifest: Manifest | undefined, names: Iterable<string>): string[] {
  if (manifest === undefined) return [];
  const leaving = new Set(removable(manifest));
  return [...names]
    .filter((name) => isDatabaseFile(name) && !Object.hasOwn(manifest.files, name))
    .filter((name) => !leaving.has(name) && !mayBeComing(name, manifest))
    .sort();
}

/** The foreign files of a store, in its folder links among them. */
export async function foreignFilesIn(
  store: Pick<Store, 'names'>,
  { manifest, listing }: Pick<Published, 'manifest' | 'listing'>,
): Promise<string[]> {
  if (manifest === undefined) return [];
  return foreignFiles(manifest, (await store.names?.()) ?? listing.keys());
}

/** The manifest comes last, after the steps to a new version. */
function mayBeComing(name: string, { databases }: Manifest): boolean {
  const file = parseFileName(name);
  const published =
    Object.hasOwn(databases, file?.database ?? '') && databases[file?.database ?? '']?.version;
  return file?.version !== undefined && typeof published === 'number' && file.version > published;
}
