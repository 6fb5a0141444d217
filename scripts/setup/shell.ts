import { $, type Shell } from 'zx/core';

export interface ShellOptions {
  /** Whole environment of a command. It inherits nothing from this process, in particular no secrets. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly folder?: string | undefined;
  /** Time limit in milliseconds from now on; then the command is ended. */
  readonly timeout?: number | undefined;
}

/**
 * Makes the `$` of zx behave the same for everyone. It prints nothing and has no terminal. Each value is one word for
 * `/bin/sh`, and a list is one word for each item. Not for hostile programs (`engine/process.ts`), and not for exact
 * bytes: zx keeps all output, ends it with a line feed, and damages a multibyte character that arrives in two pieces.
 */
export function shell({ environment, folder, timeout }: ShellOptions): Shell {
  return $({
    ...FIXED,
    env: { ...environment },
    ...(folder !== undefined && { cwd: folder }),
    // The `timeout` of zx needs ps(1). A small container has none, and that would end this process.
    ...(timeout !== undefined && { signal: AbortSignal.timeout(timeout) }),
  });
}

/** Fixed settings. Without them, `ZX_PREFIX`, `ZX_SHELL` and the like could change them from the environment. */
const FIXED = {
  shell: '/bin/sh',
  prefix: '',
  postfix: '',
  quiet: true,
  verbose: false,
  detached: false,
  preferLocal: false,
  stdio: ['ignore', 'pipe', 'pipe'] as ['ignore', 'pipe', 'pipe'],
  quote: (word: string) => `'${word.replaceAll("'", "'\\''")}'`, // that of zx is for bash, and leaves `A=b` an assignment
};
