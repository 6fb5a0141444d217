import { isFrom15 } from '../support/clamav-15/suite.ts';
import { clamav } from '../support/setup/official.ts';

/** Why a stand-in for 1.5 will not do where the real one below it judges `.sign` files by Talos' root. */
export const REAL_FROM_15 =
  'the ClamAV of this machine is 1.5 or later, and does not trust the signer of this test';

export function isRealFrom15(): boolean {
  const { real, ...tested } = clamav();
  return isFrom15(real ?? tested);
}
