import { MirrorError } from '../../base/errors.ts';
import type { Proof } from '../../proof/record.ts';

/**
 * Refuses an offer of upstream in which nothing was found wrong now: it is genuine, or it was
 * refused before (`held`), for its proof or for not being genuine, or a process died of it (`killed`), or it is so unusual
 * that it waits for a while (`waiting`).
 */
export class RefusalError extends MirrorError<
  | 'proof/failed'
  | 'proof/implausible'
  | 'proof/held'
  | 'proof/killed'
  | 'proof/waiting'
  | 'verify/held'
  /** An entry of the allow list hides too much. */
  | 'proof/hides'
> {}

/** A refusal that ends by itself. */
export class WaitingError extends RefusalError {
  /** ISO time. */
  readonly until: string;

  constructor(message: string, options: { readonly until: string; readonly advice?: string }) {
    super('proof/waiting', message, options);
    this.until = options.until;
  }
}

/** The refusal of what failed its proof, by its first scenario that failed. */
export function refusalBy({ results, engines }: Proof): RefusalError {
  const failed = results.find(({ result }) => result === 'failed');
  if (failed === undefined) return new RefusalError('proof/failed', 'nothing was proven');
  const version = engines.find(({ name }) => name === failed.engine)?.version ?? 'unknown';
  const who = `${failed.engine} (ClamAV ${version})`;
  return new RefusalError('proof/failed', `${who}: ${failed.scenario}: ${failed.evidence}`);
}
