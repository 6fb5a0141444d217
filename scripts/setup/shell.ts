import { $, type Shell } from 'zx/core';

export interface ShellOptions {
  /** All that a command is told of an environment: of this process's own, secrets included, nothing is inherited. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly folder?: string | undefined;
  /** Milliseconds from now on; then the command is ended. */
  readonly timeout?: number | undefined;
}

/**
 * zx's `$`, the same for everyone: it prints nothing, has no terminal to ask at, and each value in it is one word to
 * `/bin/sh`, a list one word for each of its items. Not for hostile programs (`engine/process.ts`) or for bytes that count
 * one by one: zx keeps all output, ends it with a line feed, and spoils a letter of several bytes that comes in two pieces.
 */
export function shell({ environment, folder, timeout }: ShellOptions): Shell {
  return $({
    ...FIXED,
    env: { ...environment },
    ...(folder !== undefined && { cwd: folder }),
    // Not by zx's own `timeout`, which needs ps(1): a small container has none, and that would end this process.
    ...(timeout !== undefined && { signal: AbortSignal.timeout(timeout) }),
  });
}

/** Said here, or else `ZX_PREFIX`, `ZX_SHELL` and the like would have their say from the environment. */
const FIXED = {
  shell: '/bin/sh',
  prefix: '',
  postfix: '',
  quiet: true,
  verbose: false,
  detached: false,
  preferLocal: false,
  stdio: ['ignore', 'pipe', 'pipe'] as ['ignore', 'pipe', 'pipe'],
  quote: (word: string) => `'${word.replaceAll("'", "'\\''")}'`, // zx's is for bash, and leaves `A=b` an assignment
};
