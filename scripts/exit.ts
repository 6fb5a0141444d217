import { codeOf } from './errors.ts';
import { SettingError } from './settings/read.ts';

/** What an entry's exit code means. */
export const EXIT = { good: 0, failed: 1, usage: 2, refused: 3 } as const;
export type Verdict = keyof typeof EXIT;

/** The verdict that an error stands for. */
export function exitFor(error: unknown): Exclude<Verdict, 'good'> {
  if (error instanceof SettingError) return 'usage';
  return /^(verify|cvd|proof)\//.test(codeOf(error) ?? '') ? 'refused' : 'failed';
}
