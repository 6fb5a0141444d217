import { parseFileName } from '../cvd/names.ts';
import type { Stage, StagedFile } from '../stage.ts';
import { encodeManifest, encodeTimestamp, type Manifest, TIMESTAMP } from './manifest.ts';
import type { Store } from './store.ts';

/**
 * Publishes exactly the files that were proven: what is new in the stage, in the order of design.md, then
 * `timestamp`, and the manifest last. Every file is hashed again while it is copied, so what was proven and what
 * is published are the same bytes (field-notes.md, defect 11). Files that earlier manifests named are removed at
 * the end, also those that a run that was killed just then did not get to; files that none named are never touched.
 */
export async function publish(
  store: Store,
  tag: string | undefined,
  change: { stage: Stage | undefined; next: Manifest },
): Promise<void> {
  const { stage, next } = change;
  await using publication = await store.begin(tag);
  const news = [...(stage?.files.values() ?? [])].filter((file) => !file.stored);
  for (const file of news.sort(inOrderOfPublication)) {
    await publication.put(file.name, stage?.path(file.name) ?? '', {
      sha256: file.sha256,
      ...mtimeOf(file, next),
    });
  }
  await publication.write(TIMESTAMP, encodeTimestamp(next.checked));
  await publication.commit(encodeManifest(next));
  for (const name of next.retired) await publication.remove(name);
}

/** CDIFFs and `.sign` files before CVDs: a client that sees the new version finds its way to it. */
function inOrderOfPublication(a: StagedFile, b: StagedFile): number {
  return Number(isCvd(a.name)) - Number(isCvd(b.name)) || a.name.localeCompare(b.name);
}

function isCvd(name: string): boolean {
  return parseFileName(name)?.kind === 'cvd';
}

/** A web server's Last-Modified must not be older than the CVD's build time (clamav-formats.md §0.4). */
function mtimeOf(file: StagedFile, next: Manifest): { mtime?: Date } {
  const parsed = parseFileName(file.name);
  const built = parsed?.kind === 'cvd' ? next.databases[parsed.database]?.built : undefined;
  return built === undefined ? {} : { mtime: new Date(built) };
}
