import { type LegacyKeys, TALOS_KEYS } from '../cvd/keys.ts';
import { TALOS_ROOT, type TrustedRoot } from './roots.ts';

/**
 * Keys and clock of a verdict. They are a parameter, so that tests can bring keys of their own. No setting, flag or
 * environment variable leads here.
 */
export interface Trust {
  /** Keys for the legacy signatures inside CVDs and CDIFFs. */
  readonly keys: LegacyKeys;
  /** Roots for `.sign` files. */
  readonly roots: readonly TrustedRoot[];
  /** Clock for the validity of certificates. */
  readonly now: () => Date;
}

/** Trust of production: Talos, and nobody else. */
export const TALOS: Trust = { keys: TALOS_KEYS, roots: [TALOS_ROOT], now: () => new Date() };
