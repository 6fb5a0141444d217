import { run } from '../../../scripts/setup/programs.ts';

/** The label of whatever the tests leave in a Docker engine; its value is the run, or `image` for images that stay. */
export const LABEL = 'clamav-mirror-test';

/** Runs the `docker` command. Returns its stdout without the last newline; throws what it says on stderr. */
export async function docker(...args: readonly string[]): Promise<string> {
  const options = { path: process.env.PATH, environment: process.env, timeout: 300_000 };
  const { exitCode, stdout, stderr } = await run(['docker', ...args], options);
  if (exitCode === 0) return stdout.replace(/\n$/, '');
  throw new Error(`docker ${args.join(' ')}: ${stderr.trim() || `exit code ${exitCode}`}`);
}
