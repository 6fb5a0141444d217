import { inject } from 'vitest';
import { LABEL, docker as plainDocker } from './docker-cli.ts';

/**
 * Runs the `docker` command. Returns its stdout without the last newline; throws what it says on stderr. The set-up
 * removes the containers of `run` and `create`, the networks of `network create` and the images of `commit` that a test
 * leaves behind.
 */
export async function docker(command: string, ...args: readonly string[]): Promise<string> {
  const label = `${LABEL}=${inject('run')}`;
  if (command === 'run' || command === 'create') args = [`--label=${label}`, ...args];
  if (command === 'network' && args[0] === 'create') args = ['create', `--label=${label}`, ...args.slice(1)];
  if (command === 'commit') args = [`--change=LABEL ${label}`, ...args];
  return await plainDocker(command, ...args);
}
