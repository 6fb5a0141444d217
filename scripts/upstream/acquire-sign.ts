import { verifySignFile } from '../files/verify.ts';
import { isDoubt } from '../verify/sign.ts';
import type { AcquireParts } from './acquire.ts';
import { isMissing } from './error.ts';

/**
 * Brings the `.sign` of the file at `signed` into the stage, if upstream has one. An invalid one is thrown as
 * `VerifyError`: it would be fatal for freshclam ≥ 1.5 (clamav-formats.md §2). One that is sound but made by
 * somebody, or for engines, we do not know is withheld with a warning: to clients that is as if upstream had none,
 * which is legal.
 */
export async function acquireSign(name: string, signed: string, parts: AcquireParts): Promise<void> {
  const { client, stage, limits, trust, log } = parts;
  try {
    await client.download(name, stage.incoming(name), limits.sign);
  } catch (error) {
    if (isMissing(error)) return;
    throw error;
  }
  try {
    const { size, sha256 } = await verifySignFile(stage.incoming(name), signed, trust);
    await stage.accept({ name, size, sha256, stored: false });
  } catch (error) {
    if (!isDoubt(error)) throw error;
    log.warn(`${name} is withheld: ${error.message}`);
  }
}
