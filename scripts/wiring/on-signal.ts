import { constants } from 'node:os';

/** Ends this process on Ctrl-C and the like, and ClamAV's tools with it. */
export function endOnSignal(): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => process.exit(128 + constants.signals[signal]));
  }
}
