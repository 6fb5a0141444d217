import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { encodeManifest } from '../../scripts/mirror/manifest.ts';
import { FolderStore } from '../../scripts/store/folder.ts';
import type { Store } from '../../scripts/store/store.ts';
import { described, manifestOf, sha256 } from '../store/support.ts';

/** A folder that tells what was fetched from it. */
export class Counted extends FolderStore {
  readonly fetched: string[] = [];
  override async fetch(name: string, path: string): Promise<void> {
    this.fetched.push(name);
    await super.fetch(name, path);
  }
}

/** Publishes these files, written in `folder` first, and a manifest that names them. */
export async function publishTexts(
  files: Readonly<Record<string, string>>,
  to: Store,
  folder: string,
): Promise<void> {
  await using publication = await to.begin((await to.readManifest())?.tag);
  for (const [name, text] of Object.entries(files)) {
    const path = join(folder, `source-${sha256(name)}`);
    await writeFile(path, text);
    await publication.put(name, path, { sha256: sha256(text) });
    await writeFile(path, 'written again'); // a copy is no link to it
  }
  const records = Object.entries(files).map(([name, text]) => [name, described(text)] as const);
  await publication.commit(encodeManifest(manifestOf({}, Object.fromEntries(records))));
}
