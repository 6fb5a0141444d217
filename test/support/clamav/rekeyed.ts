import { randomUUID } from 'node:crypto';
import type { LegacyKeys } from '../../../scripts/cvd/keys.ts';
import { type Clamav15Options, clamav15 } from '../clamav-15/clamav-15.ts';
import { LABEL } from '../docker/docker-cli.ts';
import { docker } from '../docker/of-this-run.ts';
import { clamav } from '../setup/official.ts';
import { type RekeyedNative, rekeyPrograms } from './rekey.ts';
import { KEY_HOLDERS, rekeyContainer } from './rekey-container.ts';

export type { RekeyedNative } from './rekey.ts';

/**
 * The ClamAV of the tests with other keys; `standIn` is for one that stands in for a later version. Throws if Talos' keys
 * are not where they should be.
 */
export async function rekeyedNative(
  keys: LegacyKeys,
  standIn: Omit<Clamav15Options, 'path'> = {},
): Promise<RekeyedNative> {
  const { real, ...tested } = clamav();
  const { version: _, ...programs } = real ?? tested;
  const rekeyed = await rekeyPrograms(programs, keys);
  if (real === undefined) return rekeyed;
  const playing = await clamav15({ ...standIn, path: rekeyed.path });
  return {
    path: playing.path,
    [Symbol.asyncDispose]: async () => {
      await playing[Symbol.asyncDispose]();
      await rekeyed[Symbol.asyncDispose]();
    },
  };
}

export interface RekeyedImage extends AsyncDisposable {
  /** A tag. */
  readonly image: string;
}

/** A Docker image with ClamAV, with other keys. Throws if Talos' keys are not where they should be. */
export async function rekeyedImage(image: string, keys: LegacyKeys): Promise<RekeyedImage> {
  const container = await docker('create', image);
  try {
    const paths = await docker('run', '--rm', '--network=none', image, 'sh', '-c', KEY_HOLDERS);
    await rekeyContainer(container, paths, keys);
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
  }
}
