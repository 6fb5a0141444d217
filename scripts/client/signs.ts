import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { cvdSignName } from '../cvd/names.ts';
import { isThere } from '../files/exists.ts';
import { verifySignFile } from '../files/verify.ts';
import type { VerifyError } from '../verify/error.ts';
import type { Trust } from '../verify/trust.ts';
import { asDoubt, type Holding } from './holdings.ts';

/** A database in a client's folder with the `.sign` of its CVD, which ClamAV ≥ 1.5 reads too. */
export interface Signed extends Holding {
  /** `daily-28001.cvd.sign`, proven to sign that CVD; `undefined`: there is none. */
  readonly sign: string | undefined;
}

/**
 * Finds the `.sign` of each CVD, and removes one that is not proven; `onDoubt` gets it. ClamAV ≥ 1.5 loads nothing if the
 * `.sign` beside a CVD is bad. Without one, the CVD's own signature counts.
 */
export async function withSigns(
  folder: string,
  holdings: ReadonlyMap<string, Holding>,
  trust: Trust,
  onDoubt: (file: string, error: VerifyError) => void,
): Promise<ReadonlyMap<string, Signed>> {
  const signed = new Map<string, Signed>();
  for (const [database, has] of holdings)
    signed.set(database, { ...has, sign: await signOf(folder, database, has, trust, onDoubt) });
  return signed;
}

async function signOf(
  folder: string,
  database: string,
  { file, header }: Holding,
  trust: Trust,
  onDoubt: (file: string, error: VerifyError) => void,
): Promise<string | undefined> {
  const name = cvdSignName(database, header.version);
  const path = join(folder, name);
  if (!file.endsWith('.cvd') || !(await isThere(path))) return undefined;
  try {
    await verifySignFile(path, join(folder, file), trust);
    return name;
  } catch (error) {
    onDoubt(name, asDoubt(error));
    await rm(path, { recursive: true, force: true });
    return undefined;
  }
}
