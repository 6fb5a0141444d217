/**
 * Limits of what makes ClamAV find less. Each entry is meant for one false alarm, and a list of strangers for theirs.
 */

/** Signatures that one entry of the allow list, or the lists of others together, may switch off. */
const HIDDEN = 1_000;
/** The same as a share of all signatures, because a small set has few to lose. */
const HIDDEN_SHARE = 0.01;
/** So many in any case: one name stands for some, such as a hash of each kind. */
const HIDDEN_LEAST = 3;

/** Signatures that may be off in a set of this size. */
export function mayBeHidden(signatures: number): number {
  return Math.max(HIDDEN_LEAST, Math.min(HIDDEN, Math.floor(signatures * HIDDEN_SHARE)));
}
