import { cdiffName, cvdName, cvdSignName, parseFileName } from '../cvd/names.ts';
import type { Store } from '../store/store.ts';
import type { ArchiveCopy } from './archive.ts';
import { encodeManifest, type Manifest } from './manifest.ts';
import { pagesOf } from './pages.ts';
import { removeRetired, retiredFilesOf } from './publish.ts';

/**
 * Publishes the state before `next` again: the replaced CVDs from `copies`, and the earlier manifest. Throws
 * `store/conflict` if somebody else has published since.
 */
export async function takeBack(
  store: Store,
  from: {
    readonly previous: Manifest;
    readonly next: Manifest;
    readonly copies: readonly ArchiveCopy[];
    /** Makes texts by name that tell of the restored state. */
    readonly faceOf?: (restored: Manifest) => ReadonlyMap<string, string>;
  },
): Promise<void> {
  const { previous, next, copies, faceOf = () => new Map() } = from;
  const found = await store.readManifest();
  const tag = found?.text === encodeManifest(next) ? found.tag : undefined; // otherwise somebody else published, and `begin` throws
  await using publication = await store.begin(tag);
  for (const { name, database, version, path, sha256, built } of copies) {
    if (parseFileName(name)?.kind === 'archive-sign') {
      await publication.put(cvdSignName(database, version), path, { sha256 });
    } else await publication.put(cvdName(database), path, { sha256, mtime: new Date(built) });
  }
  const signs = copies.filter(({ name }) => parseFileName(name)?.kind === 'archive-sign');
  const putBack = new Set(signs.map(({ database, version }) => cvdSignName(database, version)));
  const restored = withoutGone(previous, next, putBack);
  for (const [name, text] of [...pagesOf(restored), ...faceOf(restored)]) await publication.write(name, text);
  await publication.commit(encodeManifest(restored));
  await removeRetired(restored, publication);
}

/**
 * Earlier manifest without the CDIFFs and archived CVDs that `next` removed. New files of `next` are retired. A `.sign`
 * that was renewed for the same version stays as in `next`.
 */
function withoutGone(previous: Manifest, next: Manifest, putBack: ReadonlySet<string>): Manifest {
  const gone = new Set(next.retired.filter((name) => !putBack.has(name)));
  const files = Object.fromEntries(
    Object.entries(previous.files)
      .filter(([name]) => !gone.has(name))
      .map(([name, file]) => [
        name,
        parseFileName(name)?.kind === 'sign' ? (next.files[name] ?? file) : file,
      ]),
  );
  const databases = Object.entries(previous.databases).map(([database, record]) => {
    const { first = 1, last = 0 } = record.cdiffs ?? {};
    const steps = Array.from({ length: last - first + 1 }, (_, at) => first + at);
    const start = steps.findLastIndex((step) => files[cdiffName(database, step)] === undefined) + 1;
    const cdiffs = start < steps.length ? { first: first + start, last } : null;
    const later = next.databases[database];
    const sign = later?.version === record.version ? later.sign : record.sign;
    return [database, { ...record, cdiffs, ...(sign && { sign }) }] as const;
  });
  const retired = Object.keys(next.files)
    .filter((name) => files[name] === undefined)
    .sort();
  const { retiredFiles: _, ...earlier } = previous;
  const known = retiredFilesOf(retired, [next]);
  return { ...earlier, files, databases: Object.fromEntries(databases), retired, ...known };
}
