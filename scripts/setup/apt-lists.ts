import { setTimeout as wait } from 'node:timers/promises';
import { lastWords, type Places, run } from './programs.ts';

/** Seconds for one attempt; a mirror of Debian that is up needs a few. */
const TIME_LIMIT = 180;
/** Milliseconds. A machine that was just started refreshes its lists itself, and nobody else may meanwhile. */
const PATIENCE = { limit: 120_000, pause: 2000 };

export interface RefreshOptions extends Places {
  readonly log?: ((line: string) => void) | undefined;
}

const refreshed = new Map<string, Promise<string | undefined>>();

/**
 * Refreshes the package lists of this machine, once in the life of this process however often it is asked. Lists that are
 * old or only partly there know older packages than there are, and nothing else would tell.
 *
 * Returns `undefined`, or why a list could not be refreshed; the others are new then, and of those the old ones stay.
 *
 * @param asRoot What to put before a command so that root runs it.
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
  log(`refreshing the package lists of this machine (apt-get update, ${TIME_LIMIT} s at most) ...`);
  // By root's own `timeout`: what sudo started is not ours to kill.
  const limited = ['timeout', '--kill-after=5', String(TIME_LIMIT), apt, '-q', ...OPTIONS, 'update'];
  const command = [...asRoot, '/usr/bin/env', 'LC_ALL=C', ...limited]; // sudo may have another language in mind
  const deadline = Date.now() + PATIENCE.limit;
  let result = await run(command, { ...places, timeout: (TIME_LIMIT + 30) * 1000 });
  while (LOCKED.test(result.stderr) && Date.now() < deadline) {
    await wait(PATIENCE.pause);
    result = await run(command, { ...places, timeout: (TIME_LIMIT + 30) * 1000 });
  }
  if (result.exitCode === 0) return undefined;
  const why = TIMED_OUT.has(result.exitCode) ? `no end after ${TIME_LIMIT} s` : lastWords(result);
  log(`WARNING: not every package list could be refreshed; what is old stays in use: ${why}`);
  return why;
}

const OPTIONS = [
  ['-o', 'APT::Update::Error-Mode=any'], // or else a list that cannot be had is no failure
  ['-o', 'Acquire::Retries=2'],
  ['-o', 'Acquire::http::Timeout=20'],
  ['-o', 'Acquire::https::Timeout=20'],
].flat();
/** apt waits for the lock of dpkg, but not for that of the lists. */
const LOCKED = /Could not get lock \S*\/lists\/lock/;
/** Of timeout(1): it was killed; `null`: by us. */
const TIMED_OUT: ReadonlySet<number | null> = new Set([124, 137, null]);
