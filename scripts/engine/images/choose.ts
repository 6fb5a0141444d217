import type { PinnedImage } from '../default-images.ts';
import { EngineSpecError } from '../spec.ts';
import { parseImage, withoutPin } from './reference.ts';
import { askRegistry } from './registry.ts';

/** Image for an engine, as a registry has it now. */
export interface ChosenImage {
  readonly role: PinnedImage['role'];
  readonly image: string;
  /** The pinned image that is gone. `image` is the newest one of the same feature release then. */
  readonly gone?: string;
  /** Reason why nobody knows if the pinned image is gone. It is used as if it were there. */
  readonly doubt?: string;
}

/**
 * Chooses the image for an engine: the wanted one, if it is there or has no digest. If its registry has the tag of the
 * same feature release and not the digest, that tag. A registry that does not answer says nothing about an image. Throws
 * `engine/spec`.
 */
export async function chooseImage(role: PinnedImage['role'], wanted: string): Promise<ChosenImage> {
  const reference = parseImage(wanted);
  if (reference === undefined) {
    throw new EngineSpecError('engine/spec', `${JSON.stringify(wanted)} is not an image`, {
      advice: `Correct the variable CLAMAV_MIRROR_${role.toUpperCase()}_IMAGE, for example docker.io/clamav/clamav:1.5`,
    });
  }
  const image = withoutPin(wanted);
  if (reference.digest === undefined || image === undefined) return { role, image: wanted };
  const pinned = await askRegistry(reference, reference.digest);
  if (pinned.is === 'there') return { role, image: wanted };
  const tagged =
    pinned.is === 'missing' ? await askRegistry(reference, parseImage(image)?.tag ?? '') : pinned;
  if (tagged.is === 'there') return { role, image, gone: wanted };
  const doubt = tagged.is === 'unknown' ? tagged.why : `its registry has neither the digest nor ${image}`;
  return { role, image: wanted, doubt };
}
