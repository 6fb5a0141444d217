import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import type { LegacyKeys } from '../../../scripts/cvd/keys.ts';
import { docker } from '../docker/docker-cli.ts';
import { readAll, rekey } from './rekey.ts';

/** For `sh -c` in a container: the files that may hold keys. */
export const KEY_HOLDERS =
  'for f in /usr/lib/*/libclamav.so.* /usr/lib/*/libfreshclam.so.*; do readlink -f "$f"; done | sort -u';

/** Puts other keys into the ClamAV of a container; `paths` is what `KEY_HOLDERS` prints there. Throws what `rekey` throws. */
export async function rekeyContainer(container: string, paths: string, keys: LegacyKeys): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'rekeyed-'));
  try {
    const files = paths.split('\n').map((path) => ({ path, copy: join(folder, basename(path)) }));
    for (const { path, copy } of files) await docker('cp', `${container}:${path}`, copy);
    const copies = await readAll(files.map(({ copy }) => copy));
    rekey(copies, keys);
    for (const { path, copy } of files) {
      await writeFile(copy, copies.get(copy) ?? '');
      await docker('cp', copy, `${container}:${path}`);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
