import { moment } from '../../base/words.ts';
import type { StepSummary } from '../../changes/overview.ts';
import { countsOf, KINDS_OF_CHANGE, type KindOfChange, type Step } from '../../changes/step.ts';

/** Signs for kinds of change, in each terminal. */
export const MARKS: Readonly<Record<KindOfChange, string>> = { added: '+', removed: '-', exchanged: '~' };

/** `+714 -75 ~86` */
export function countsText(step: Step | StepSummary): string {
  const counts = 'files' in step ? countsOf(step) : step;
  return KINDS_OF_CHANGE.map((kind) => `${MARKS[kind]}${counts[kind]}`).join(' ');
}

export function whenBuilt({ built }: { readonly built?: string | undefined }): string {
  return built === undefined ? 'at an unknown time' : moment(built);
}
