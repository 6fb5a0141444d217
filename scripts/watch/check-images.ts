import { codeOf, explain } from '../base/errors.ts';
import { PINNED_IMAGES } from '../engine/default-images.ts';
import { type ChosenImage, chooseImage } from '../engine/images/choose.ts';
import { PIN_GONE } from '../engine/images/pin-gone.ts';
import type { CheckSettings } from './quick-check-settings.ts';

/** Images for the services of a cycle, and the report for the notifier. */
export interface ImagesCheck {
  /** `newest-image`, `oldest-image` and `report`. */
  readonly outputs: Readonly<Record<string, string>>;
  /** Lines for people. */
  readonly lines: readonly string[];
  /** False if a setting names no image. */
  readonly valid: boolean;
}

/**
 * Chooses the images for the services of a cycle: those of the settings, else the pinned ones, else what has taken the
 * place of a pin that is gone. Works without any package, so the report is written here by hand (notify/run-report.ts).
 */
export async function checkImages({ images }: Pick<CheckSettings, 'images'>, at: Date): Promise<ImagesCheck> {
  const report = emptyReport(at);
  try {
    const chosen = await Promise.all(
      PINNED_IMAGES.map(async ({ role, image }) => await chooseImage(role, images[role] ?? image)),
    );
    const gone = chosen.filter((one) => one.gone !== undefined);
    const lines = chosen.flatMap(lineOf);
    const failures = gone.length === 0 ? [] : [pinGone(gone)];
    const undecided = chosen.some(({ doubt }) => doubt !== undefined) ? [PIN_GONE] : [];
    return {
      outputs: {
        ...Object.fromEntries(chosen.map(({ role, image }) => [`${role}-image`, image])),
        report: JSON.stringify({ ...report, failures, undecided }),
      },
      lines,
      valid: true,
    };
  } catch (error) {
    const what = explain(error);
    const failure = { class: 'configuration', code: codeOf(error) ?? 'unexpected', what, log: [] };
    return {
      outputs: { report: JSON.stringify({ ...report, failures: [failure] }) },
      lines: [what],
      valid: false,
    };
  }
}

/** Result where no image is needed: no service starts, and nothing is known of the pins. */
export function withoutImages(at: Date): ImagesCheck {
  const report = { ...emptyReport(at), undecided: [PIN_GONE] };
  return { outputs: { report: JSON.stringify(report) }, lines: [], valid: true };
}

function emptyReport(at: Date) {
  return { failures: [], recovered: [], undecided: [], serving: null, upstream: {}, at: at.toISOString() };
}

function pinGone(gone: readonly ChosenImage[]) {
  return {
    class: 'configuration',
    code: PIN_GONE,
    what: gone.map((one) => `${sentence(one)}.`).join(' '),
    about: gone.map(({ role }) => role).join(', '),
    log: [],
  };
}

function lineOf(chosen: ChosenImage): string[] {
  if (chosen.gone !== undefined) return [sentence(chosen)];
  if (chosen.doubt === undefined) return [];
  return [`The ${chosen.role} engine is ${chosen.image}, which may be gone: ${chosen.doubt}`];
}

function sentence({ role, image, gone }: ChosenImage): string {
  return `The image pinned for the ${role} engine is gone: ${gone}. The cycle goes on with ${image}`;
}
