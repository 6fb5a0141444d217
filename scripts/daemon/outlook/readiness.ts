import { lasting } from '../../base/words.ts';
import type { Served } from './served.ts';

export interface Readiness {
  readonly ready: boolean;
  /** One sentence, without a full stop. */
  readonly why: string;
}

/** A mirror is ready if it serves a whole, proven set that was upstream's newest not long ago. */
export function readinessOf(
  { status, damaged }: Served,
  { maxAge, now }: { readonly maxAge: number; readonly now: Date },
): Readiness {
  if (status === undefined) return notReady('nothing was ever published');
  if (!status.proof.passed) return notReady('what is published is not proven');
  if (damaged.length > 0) return notReady(`not whole: ${damaged.join(', ')}`);
  const age = now.getTime() - Date.parse(status.checked);
  if (age <= maxAge) return { ready: true, why: 'it serves what is proven' };
  return notReady(`the last good check of upstream was ${lasting(age)} ago, the limit is ${lasting(maxAge)}`);
}

export function notReady(why: string): Readiness {
  return { ready: false, why };
}
