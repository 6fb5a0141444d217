import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import type { LegacyKeys } from '../../scripts/cvd/keys.ts';
import { docker } from './docker.ts';
import { LABEL } from './docker-cli.ts';
import { clamav } from './official.ts';
import { type RekeyedNative, readAll, rekey, rekeyPrograms } from './rekey.ts';

export type { RekeyedNative } from './rekey.ts';

/** The ClamAV of this machine with other keys. Throws if Talos' keys are not where they should be. */
export async function rekeyedNative(keys: LegacyKeys): Promise<RekeyedNative> {
  const { version: _, ...programs } = clamav();
  return await rekeyPrograms(programs, keys);
}

export interface RekeyedImage extends AsyncDisposable {
  /** A tag. */
  readonly image: string;
}

/** A Docker image with ClamAV, with other keys. Throws if Talos' keys are not where they should be. */
export async function rekeyedImage(image: string, keys: LegacyKeys): Promise<RekeyedImage> {
  const container = await docker('create', image);
  const folder = await mkdtemp(join(tmpdir(), 'rekeyed-'));
  try {
    const paths = (await docker('run', '--rm', '--network=none', image, 'sh', '-c', LIST)).split('\n');
    const copyOf = (path: string) => join(folder, basename(path));
    for (const path of paths) await docker('cp', `${container}:${path}`, copyOf(path));
    const copies = await readAll(paths.map(copyOf));
    rekey(copies, keys);
    for (const path of paths) {
      await writeFile(copyOf(path), copies.get(copyOf(path)) ?? '');
      await docker('cp', copyOf(path), `${container}:${path}`);
    }
    const tag = `${LABEL}:rekeyed-${randomUUID()}`;
    await docker('commit', container, tag);
    return {
      image: tag,
      [Symbol.asyncDispose]: async () => {
        await docker('image', 'rm', '--force', tag);
      },
    };
  } finally {
    await docker('rm', '--force', '--volumes', container);
    await rm(folder, { recursive: true, force: true });
  }
}

/** For `sh -c`: the files in an image that may hold keys. */
const LIST =
  'for f in /usr/lib/*/libclamav.so.* /usr/lib/*/libfreshclam.so.*; do readlink -f "$f"; done | sort -u';
