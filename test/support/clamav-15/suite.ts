import { delimiter, dirname } from 'node:path';
import type { ClamavPrograms } from '../../../scripts/setup/install-clamav.ts';
import { type RealPart, realPart } from '../setup/real-part.ts';
import { clamav15 } from './clamav-15.ts';

/** ClamAV as the tests use it: of this machine, or a stand-in for a later version. */
export interface TestedClamav extends ClamavPrograms {
  /** What the stand-in stands on, if it is one. */
  readonly real?: ClamavPrograms;
}

/**
 * What the tests use if `wanted` (`CLAMAV` in the environment) is `1.5`: a native ClamAV from 1.5 on as it is, else the
 * stand-in, first on the PATH of this process and of all that it starts. Without a wish: what is there.
 */
export async function clamavForTests(
  clamav: RealPart<ClamavPrograms>,
  wanted: string | undefined,
): Promise<{ readonly clamav: RealPart<TestedClamav>; readonly close: () => Promise<void> }> {
  if (wanted !== undefined && wanted !== '1.5') throw new Error(`CLAMAV can be 1.5, not ${wanted}`);
  if (wanted === undefined || 'missing' in clamav || isFrom15(clamav.have))
    return { clamav, close: async () => {} };
  const trial = await realPart('clamav-15', () => requireStandIn(clamav.have));
  if ('missing' in trial) return { clamav: trial, close: async () => {} };
  const standIn = await clamav15({
    path: [dirname(clamav.have.freshclam), process.env.PATH].join(delimiter),
  });
  process.env.PATH = [standIn.folder, process.env.PATH].join(delimiter);
  const have = { ...clamav.have, ...standIn.programs, version: standIn.version, real: clamav.have };
  return { clamav: { have }, close: async () => await standIn[Symbol.asyncDispose]() };
}

/** Whether it reads `.sign` files by itself. */
export function isFrom15({ version }: Pick<ClamavPrograms, 'version'>): boolean {
  return isFrom(5, version);
}

/**
 * Throws if no stand-in does what 1.5 does on this one: freshclam 1.0 aborts where a CDIFF is refused, and asks again
 * where it was told to cool down (seen of 1.0.5, the one of Ubuntu 24.04). 1.4 is the oldest that was seen to do.
 */
export function requireStandIn({ version }: Pick<ClamavPrograms, 'version'>): void {
  if (!isFrom(4, version))
    throw new Error(`the stand-in for ClamAV 1.5 needs freshclam 1.4 or later, and here is ${version}`);
}

function isFrom(least: number, version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > 1 || (major === 1 && minor >= least);
}
