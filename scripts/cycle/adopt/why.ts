import { codeOf, explain, MirrorError } from '../../base/errors.ts';
import type { Adoption } from './adoption.ts';

/** Reasons in the words of whoever kept the folder, by the code of Node's error. */
const WORDS: Readonly<Record<string, string>> = {
  EACCES: 'this user may not read it',
  EPERM: 'this user may not read it',
  ENOENT: 'it is gone',
};
/** Codes of trouble that this machine has, and no file of the folder. */
const OURS = ['file/full', 'EMFILE', 'ENFILE', 'ENOMEM', 'EROFS'];

/** Reason that a proven file begins with: whoever uses it writes another one down. */
export const NOT_REACHED = 'the run ended before it was needed';

/** The reason why a file of the folder is not used, without advice: nobody has to mend that folder. */
export function whyNot(error: unknown): string {
  const words = WORDS[codeOf(error) ?? ''];
  return words ?? (error instanceof MirrorError ? error.message : explain(error));
}

/** Notes a file that cannot be proven. Throws the error on if this machine is to blame, and not the file. */
export function noteUnproven(adoption: Adoption, name: string, error: unknown): void {
  if (OURS.includes(codeOf(error) ?? '')) throw error;
  adoption.note(name, 'unproven', whyNot(error));
}
