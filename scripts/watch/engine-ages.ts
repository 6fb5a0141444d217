import { lasting } from '../base/words.ts';
import { PINNED_IMAGES, type PinnedImage } from '../engine/default-images.ts';
import type { Engine } from '../engine/engine.ts';
import { featureTag, parseImage } from '../engine/images/reference.ts';
import { type Finding, Findings } from '../probe/finding.ts';

const DAY_MS = 24 * 60 * 60_000;
/** Cisco deletes images some months after they were made. */
const MAX_PIN_AGE_MS = 60 * DAY_MS;
/** Time to move to another feature release. */
const END_OF_LIFE_NOTICE_MS = 60 * DAY_MS;
const WHERE = 'scripts/engine/default-images.ts';

/** Engine that proves the mirror or watches it. */
export type UsedEngine = Pick<Engine, 'version' | 'image'>;

/**
 * Warns of engines that will not be there or will not be supported for long: pins that are old, and releases that end
 * soon. Only of those in use: another image or a ClamAV of one's own makes a pin unimportant.
 */
export function checkEngineAges(
  used: readonly UsedEngine[],
  now: Date,
  pins: readonly PinnedImage[] = PINNED_IMAGES,
): Finding[] {
  const digests = new Set(used.map(({ image }) => digestOf(image)));
  const releases = new Set(used.map(({ version }) => featureTag(version)));
  return pins.flatMap((pin) => [
    ...(digests.has(digestOf(pin.image)) ? checkPin(pin, now) : []),
    ...(releases.has(releaseOf(pin)) ? checkSupport(pin, now) : []),
  ]);
}

function checkPin({ role, image, pinned }: PinnedImage, now: Date): Finding[] {
  const age = now.getTime() - Date.parse(pinned);
  if (age <= MAX_PIN_AGE_MS) return [];
  return new Findings('mirror', 'engine image').warning(
    `the image of the ${role} engine was pinned ${lasting(age)} ago, and its registry may delete it soon: ${image}`,
    `Update clamav-mirror, or renew the pin in ${WHERE}, as Renovate does by .github/renovate.json`,
  ).list;
}

function checkSupport(pin: PinnedImage, now: Date): Finding[] {
  const { role, endOfLife } = pin;
  const left = Date.parse(endOfLife ?? '') - now.getTime();
  if (endOfLife === undefined || left > END_OF_LIFE_NOTICE_MS) return [];
  const when = left > 0 ? `ends on ${endOfLife}, in ${lasting(left)}` : `ended on ${endOfLife}`;
  return new Findings('mirror', 'engine support').warning(
    `the support for ClamAV ${releaseOf(pin)}, the ${role} engine, ${when}`,
    `Update clamav-mirror, or choose another release in ${WHERE}`,
  ).list;
}

function digestOf(image: string | undefined): string {
  return parseImage(image ?? '')?.digest ?? 'none';
}

function releaseOf({ image }: PinnedImage): string {
  return featureTag(parseImage(image)?.tag ?? '');
}
