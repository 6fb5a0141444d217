import { codeOf } from '../base/errors.ts';

/** Exit codes of the entries. */
export const EXIT = { good: 0, failed: 1, usage: 2, refused: 3 } as const;
export type Verdict = keyof typeof EXIT;

/** The verdict that an error stands for. */
export function exitFor(error: unknown): Exclude<Verdict, 'good'> {
  const code = codeOf(error) ?? '';
  if (code.startsWith('setting/')) return 'usage';
  return /^(verify|cvd|proof)\/|^bundle\/damaged$/.test(code) ? 'refused' : 'failed';
}
