import { setTimeout as wait } from 'node:timers/promises';
import { lastWords, type Places, run } from './programs.ts';

/** Time limit of one attempt. A mirror of Debian that is up needs a few seconds. */
const UPDATE_SECONDS = 180;
/**
 * Time to wait for the lock, and between attempts, in milliseconds. A machine that has just started refreshes its lists
 * itself and locks them meanwhile.
 */
const LOCK_WAIT_MS = { limit: 120_000, pause: 2000 };

export interface RefreshOptions extends Places {
  readonly log?: ((line: string) => void) | undefined;
}

const refreshed = new Map<string, Promise<string | undefined>>();

/**
 * Refreshes the package lists of this machine, once in the life of this process. With old or partial lists apt would
 * silently install older packages.
 *
 * Returns `undefined`, or why a list could not be refreshed. Such a list stays as it was; the others are new.
 *
 * @param asRoot Prefix of a command that makes root run it.
 */
export function refreshLists(
  apt: string,
  asRoot: readonly string[],
  options: RefreshOptions,
): Promise<string | undefined> {
  const refreshing = refreshed.get(apt) ?? refresh(apt, asRoot, options);
  refreshed.set(apt, refreshing);
  return refreshing;
}

async function refresh(
  apt: string,
  asRoot: readonly string[],
  { log = () => {}, ...places }: RefreshOptions,
): Promise<string | undefined> {
  log(`refreshing the package lists of this machine (apt-get update, ${UPDATE_SECONDS} s at most) ...`);
  // The `timeout` of root sets the limit: we may not kill what sudo started.
  const limited = ['timeout', '--kill-after=5', String(UPDATE_SECONDS), apt, '-q', ...APT_OPTIONS, 'update'];
  const command = [...asRoot, '/usr/bin/env', 'LC_ALL=C', ...limited]; // sudo may set another language
  const deadline = Date.now() + LOCK_WAIT_MS.limit;
  let result = await run(command, { ...places, timeout: (UPDATE_SECONDS + 30) * 1000 });
  while (LOCKED.test(result.stderr) && Date.now() < deadline) {
    await wait(LOCK_WAIT_MS.pause);
    result = await run(command, { ...places, timeout: (UPDATE_SECONDS + 30) * 1000 });
  }
  if (result.exitCode === 0) return undefined;
  const why = TIMED_OUT.has(result.exitCode) ? `no end after ${UPDATE_SECONDS} s` : lastWords(result);
  log(`WARNING: cannot refresh all package lists, so old ones stay in use: ${why}`);
  return why;
}

const APT_OPTIONS = [
  ['-o', 'APT::Update::Error-Mode=any'], // otherwise a failed list is no failure
  ['-o', 'Acquire::Retries=2'],
  ['-o', 'Acquire::http::Timeout=20'],
  ['-o', 'Acquire::https::Timeout=20'],
].flat();
/** Message of a locked list: apt waits for the lock of dpkg, but not for this one. */
const LOCKED = /Could not get lock \S*\/lists\/lock/;
/** Exit codes of timeout(1) for a killed command; `null` if we killed it. */
const TIMED_OUT: ReadonlySet<number | null> = new Set([124, 137, null]);
