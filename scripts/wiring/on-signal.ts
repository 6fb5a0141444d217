import { constants } from 'node:os';

/**
 * Ends this process on Ctrl-C and the like, and ClamAV's tools with it. A parent that keeps a channel to us, and is gone,
 * counts as a SIGTERM.
 */
export function endOnSignal(): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => end(signal));
  if (process.connected === false) end('SIGTERM'); // it has gone already
  process.once('disconnect', () => end('SIGTERM'));
  process.channel?.unref(); // to listen keeps nobody running
}

function end(signal: 'SIGINT' | 'SIGTERM'): never {
  process.exit(128 + constants.signals[signal]);
}
