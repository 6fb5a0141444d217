import { codeOf, explain, MirrorError } from '../../base/errors.ts';

/** Reasons in the words of whoever kept the folder, by the code of Node's error. */
const WORDS: Readonly<Record<string, string>> = {
  EACCES: 'this user may not read it',
  EPERM: 'this user may not read it',
  ENOENT: 'it is gone',
};

/** The reason why a file of the folder is not used, without advice: nobody has to mend that folder. */
export function whyNot(error: unknown): string {
  const words = WORDS[codeOf(error) ?? ''];
  return words ?? (error instanceof MirrorError ? error.message : explain(error));
}
