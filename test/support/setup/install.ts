import pLimit from 'p-limit';
import { type AptOptions, prepareInstallation } from '../../../scripts/setup/apt.ts';
import { findProgram } from '../../../scripts/setup/programs.ts';

export interface InstallOptions extends AptOptions {
  /** Called before anything is installed, with a question that says what; true means: go ahead. */
  readonly ask: (question: string) => boolean | Promise<boolean>;
  readonly log: (line: string) => void;
}

/** One question and one installation at a time; the next one may find that its program has come with it. */
const oneAtATime = pLimit(1);

/**
 * The path of a program, which these packages bring if it is missing. Throws what `prepareInstallation` throws, and an
 * error if nobody agreed.
 */
export async function ensureProgram(
  name: string,
  packages: readonly string[],
  options: InstallOptions,
): Promise<string> {
  return await oneAtATime(() => ensure(name, packages, options));
}

async function ensure(name: string, packages: readonly string[], options: InstallOptions): Promise<string> {
  const found = await findProgram(name, options);
  if (found !== undefined) return found;
  const names = packages.join(', ');
  const installation = await prepareInstallation(packages, options);
  if (!(await options.ask(`Install ${names} (${installation.command}; their services stay off)?`))) {
    throw new Error(`${name} is missing, and ${names} must not be installed`);
  }
  options.log(`installing ${names} ...`);
  await installation.run();
  const installed = await findProgram(name, options);
  if (installed === undefined) throw new Error(`${names} are installed, and yet there is no ${name}`);
  return installed;
}
