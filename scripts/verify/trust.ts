import { type LegacyKeys, TALOS_KEYS } from '../cvd/keys.ts';
import { TALOS_ROOT, type TrustedRoot } from './roots.ts';

/**
 * Whom to believe. Every verdict takes one, so that tests can bring keys of their own;
 * no setting, flag or environment variable leads here.
 */
export interface Trust {
  /** For the legacy signatures inside CVDs and CDIFFs. */
  readonly keys: LegacyKeys;
  /** For `.sign` files. */
  readonly roots: readonly TrustedRoot[];
  /** The clock that certificates are judged by. */
  readonly now: () => Date;
}

/** What production believes: Talos, and nobody else. */
export const TALOS: Trust = { keys: TALOS_KEYS, roots: [TALOS_ROOT], now: () => new Date() };
