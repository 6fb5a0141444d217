import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, inject } from 'vitest';
import type { TestedClamav } from '../clamav-15/suite.ts';
import { type RealPart, realPart } from './real-part.ts';

declare module 'vitest' {
  interface TaskMeta {
    /** Why this test is skipped: the real part that it needs. The reporter counts these. */
    missing?: string;
  }
}

const officialFolder = inject('official');
const clamavPrograms = inject('clamav');
const beside = join(import.meta.dirname, '..', '..', '..', '..', 'shared', 'official');
const signs = await realPart('signs', () => {
  if (existsSync(beside)) return beside;
  throw new Error(
    "Talos' .sign files and their roots are in no source package of Debian; they go to ../shared/official",
  );
});

/**
 * Like `describe`, and skipped where Talos' databases are missing. The body runs in any case, to collect the tests: read
 * files in the tests and hooks only.
 */
export const describeWithOfficial = describeWith(officialFolder);

/** Like `describe`, and skipped where ClamAV is missing. */
export const describeWithClamav = describeWith(clamavPrograms);

/** Like `describe`, and skipped where the `.sign` files are missing. */
export const describeWithSigns = describeWith(signs);

/** The folder with Talos' `.sign` files, what they sign, and the two roots. */
export const signFolder: string | undefined = 'have' in signs ? signs.have : undefined;

/** The path of `test-1.cvd` to `test-6.cvd`, `test-2.cdiff` to `test-6.cdiff` or `bytecode.cvd`. */
export function official(name: string): string {
  return join(have(officialFolder), name);
}

/** The programs of ClamAV. */
export function clamav(): TestedClamav {
  return have(clamavPrograms);
}

/** Like `describe`, and skipped, loudly and counted, where the part is missing. */
export function describeWith(part: RealPart<unknown>): (name: string, body: () => void) => void {
  return (name, body) => {
    if ('have' in part) describe(name, body);
    else describe(name, { skip: true, meta: { missing: part.missing } }, body);
  };
}

/** What is there; throws why it is not. */
export function have<T>(part: RealPart<T>): T {
  if ('have' in part) return part.have;
  throw new Error(part.missing);
}
