import { copyFile, mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Made by this project; a database that finds something in them finds it in everybody's files. */
const SAFE_SAMPLES = fileURLToPath(new URL('../../fixtures/safe', import.meta.url));

export interface Sample {
  readonly name: string;
  /** The signature that must be named; `undefined` for a sample that must be found clean. */
  readonly signature: RegExp | undefined;
}

/** What ClamAV's databases call EICAR: in test and main, and in daily's logical signatures. */
const EICAR_SIGNATURE = /^(Eicar-Test-Signature|Eicar-Signature|Win\.Test\.EICAR_HDB-1)$/;
/** The databases that hold a signature for EICAR, unless they are empty; bytecode by itself does not. */
const KNOWS_EICAR = ['main', 'daily', 'test'];

/** Puts the samples into `folder`; EICAR is one of them if databases with these counts of signatures must know it. */
export async function writeSamples(
  folder: string,
  signatures: ReadonlyMap<string, number>,
): Promise<Sample[]> {
  await mkdir(folder, { recursive: true });
  const samples: Sample[] = [];
  for (const name of (await readdir(SAFE_SAMPLES)).sort()) {
    await copyFile(join(SAFE_SAMPLES, name), join(folder, name));
    samples.push({ name, signature: undefined });
  }
  if (KNOWS_EICAR.some((database) => (signatures.get(database) ?? 0) > 0)) {
    await writeFile(join(folder, 'eicar.com'), eicar());
    samples.push({ name: 'eicar.com', signature: EICAR_SIGNATURE });
  }
  return samples;
}

/** Built when needed: a file that holds it gets quarantined on people's machines. */
export function eicar(): string {
  return ['X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR', '-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*'].join('');
}
