import { type LegacyKeys, TALOS_KEYS } from '../cvd/keys.ts';

/**
 * Whom to believe. Every verdict takes one, so that tests can bring keys of their own;
 * no setting, flag or environment variable leads here.
 */
export interface Trust {
  readonly keys: LegacyKeys;
}

/** What production believes: Talos, and nobody else. */
export const TALOS: Trust = { keys: TALOS_KEYS };
