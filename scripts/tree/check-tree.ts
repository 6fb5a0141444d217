import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { parseFileName } from '../cvd/names.ts';
import { explain } from '../errors.ts';
import { FolderStore } from '../store/folder.ts';
import { MANIFEST, type Manifest, parseManifest } from '../store/manifest.ts';
import type { Trust } from '../verify/trust.ts';
import { type Checked, checkFile } from './check-file.ts';

/**
 * Proves every database file in a folder, and that the folder is what its manifest says, if it has one.
 * A CVD or CDIFF that proves out and is newer than the manifest is not a fault: publication moves the manifest
 * last, so that is how a tree looks in the middle of one, or after a run that was killed.
 */
export async function checkTree(folder: string, trust: Trust): Promise<Checked[]> {
  const names = (await readdir(folder)).filter((name) => parseFileName(name) !== undefined).sort();
  const checked = await Promise.all(names.map((name) => checkFile(join(folder, name), trust)));
  const found = await new FolderStore(folder).readManifest();
  if (found === undefined) return checked;
  const path = join(folder, MANIFEST);
  try {
    return [...checked, checkManifest(path, parseManifest(found.text, folder), checked)];
  } catch (error) {
    return [...checked, { path, verdict: 'unproven', reason: explain(error) }];
  }
}

function checkManifest(path: string, manifest: Manifest, checked: readonly Checked[]): Checked {
  const byName = new Map(checked.map((one) => [one.path.slice(path.length - MANIFEST.length), one]));
  for (const [name, { sha256 }] of Object.entries(manifest.files)) {
    const there = byName.get(name);
    if (there === undefined) return wrong(path, `${name} is missing`);
    if (there.verdict === 'waiting' || there.sha256 === sha256) continue;
    const published = manifest.databases[there.database ?? '']?.version ?? 0;
    if (there.verdict !== 'proven' || (there.version ?? 0) <= published) {
      return wrong(path, `${name} is not the file that the manifest names`);
    }
  }
  const databases = Object.entries(manifest.databases).map(([name, { version }]) => `${name} ${version}`);
  return {
    path,
    verdict: 'proven',
    what: `manifest of ${databases.join(', ')}, published ${manifest.published}`,
  };
}

function wrong(path: string, reason: string): Checked {
  return { path, verdict: 'unproven', reason, code: 'verify/mismatch' };
}
