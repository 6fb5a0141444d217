import { inject } from 'vitest';
import type { ImageName } from '../clamav/clamav-images.ts';
import { describeWith, have } from '../setup/official.ts';
import type { RealPart } from '../setup/real-part.ts';
import { docker } from './of-this-run.ts';

const engine = inject('docker');

/** Like `describe`, and skipped, loudly and counted, where no Docker engine can be had. */
export const describeWithDocker = describeWith(engine);

/** Like `describe`, and skipped, loudly and counted, where one of these images cannot be had. */
export function describeWithImages(...names: readonly ImageName[]): typeof describeWithDocker {
  const missing = names.map(imagePart).find((part) => 'missing' in part);
  return describeWith(missing ?? engine);
}

/** The tag of an image with ClamAV, which behaves like `clamav/clamav`. */
export function image(name: ImageName): string {
  return have(imagePart(name));
}

/**
 * Variables and images with which workflows run these engines. No registry is asked about them: their names have no digest.
 */
export function engineImages(): { vars: Record<string, string>; images: Record<string, string> } {
  const [newest, oldest] = [image('newest'), image('oldest')];
  return {
    vars: { CLAMAV_MIRROR_NEWEST_IMAGE: newest, CLAMAV_MIRROR_OLDEST_IMAGE: oldest },
    images: { [newest]: newest, [oldest]: oldest },
  };
}

/** What ClamAV in an image calls itself: `1.4.3`. */
export async function versionOf(tag: string): Promise<string> {
  const answer = await docker('run', '--rm', '--network=none', tag, 'clamscan', '--version');
  return /^ClamAV (\d[^/\s]*)/m.exec(answer)?.[1] ?? answer;
}

function imagePart(name: ImageName): RealPart<string> {
  return 'have' in engine ? engine.have[name] : engine;
}
