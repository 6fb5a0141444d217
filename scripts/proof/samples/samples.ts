import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { copyRegular } from '../../files/open.ts';
import { SampleError, type UserSample } from './user-samples.ts';
import { encodeMail, encodeTarGz, encodeZip, type WrappedFile } from './wrap.ts';

/** Safe files made by this project. A database that finds something in them would find it in everybody's files. */
const SAFE_SAMPLES = fileURLToPath(new URL('../../../fixtures/safe', import.meta.url));

/** File for clamscan to scan. */
export interface Sample {
  /** Path below the folder of samples: `hello.txt`, `user/0001-report.pdf`. */
  readonly name: string;
  /** Required verdict of clamscan: nothing, any detection, or a signature with such a name. */
  readonly expected: 'clean' | 'any' | RegExp;
  /** Path of the original, for a copy of a file of the user. */
  readonly origin?: string;
}

/**
 * Limits for clamscan. Without them it reports OK for a file that it skipped because it is larger than 25 MB (0.103) or
 * 100 MB (1.4). No sample reaches these limits. Anything else that clamscan cuts short is reported as
 * `Heuristics.Limits.Exceeded.…`, which is no detection.
 */
export const SCAN_LIMITS = [
  '--max-filesize=2000M',
  '--max-scansize=2000M',
  '--alert-exceeds-max=yes',
] as const;

/**
 * Names of EICAR in ClamAV's databases: in test and main, and in the logical signatures of daily. Other databases have
 * EICAR in the name too.
 */
export const EICAR_SIGNATURE = /^(?!Heuristics\.)(?:\S*[^A-Za-z])?eicar(?![A-Za-z])\S*$/i;
/** Databases that hold a signature for EICAR, unless they are empty. Bytecode alone has none. */
const MUST_KNOW_EICAR = ['main', 'test'];
/**
 * Databases that may know EICAR. Daily has a signature by chance (cl#846), so it must know EICAR only while the
 * published one does.
 */
const KNOWS_EICAR = [...MUST_KNOW_EICAR, 'daily'];

/** True if databases with these counts of signatures may know EICAR. */
export function knowsEicar(signatures: ReadonlyMap<string, number>): boolean {
  return KNOWS_EICAR.some((database) => (signatures.get(database) ?? 0) > 0);
}

/** True if databases with these counts of signatures must know EICAR, even with nothing to compare them with. */
export function mustKnowEicar(signatures: ReadonlyMap<string, number>): boolean {
  return MUST_KNOW_EICAR.some((database) => (signatures.get(database) ?? 0) > 0);
}

/** True for a sample that holds EICAR. */
export function isEicar({ name }: Sample): boolean {
  return name.startsWith('eicar.');
}

/**
 * Writes all samples to `folder`, which is empty before: safe ones, copies of those of the user, and EICAR if databases
 * with these counts of signatures may know it. Safe and EICAR samples are written plain, in archives and in an e-mail.
 * `ofEicar` is the required verdict on EICAR. Throws `sample/not-copied`.
 */
export async function writeSamples(
  folder: string,
  signatures: ReadonlyMap<string, number>,
  user: readonly UserSample[],
  ofEicar: Sample['expected'] = EICAR_SIGNATURE,
): Promise<Sample[]> {
  await mkdir(folder, { recursive: true });
  const samples: Sample[] = [];
  const put = async (name: string, data: Uint8Array, expected: Sample['expected']) => {
    await writeFile(join(folder, name), data);
    samples.push({ name, expected });
  };
  for (const name of (await readdir(SAFE_SAMPLES)).sort()) {
    await put(name, await readFile(join(SAFE_SAMPLES, name)), 'clean');
  }
  const harmless = { name: 'harmless.txt', data: Buffer.from('Nothing in this line is harmful.\n') };
  for (const [name, data] of wrapped('safe', harmless)) await put(name, data, 'clean');
  if (knowsEicar(signatures)) {
    const file = { name: 'eicar.com', data: Buffer.from(eicar()) };
    await put(file.name, file.data, ofEicar);
    for (const [name, data] of wrapped('eicar', file)) await put(name, data, ofEicar);
  }
  return [...samples, ...(await copyUserSamples(folder, user))];
}

/** Builds EICAR when needed: a file that holds it gets quarantined on the machines of users. */
export function eicar(): string {
  return ['X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR', '-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*'].join('');
}

function wrapped(stem: string, file: WrappedFile): [name: string, data: Buffer][] {
  return [
    [`${stem}.zip`, encodeZip(file)],
    [`${stem}.tar.gz`, encodeTarGz(file)],
    [`${stem}.eml`, encodeMail(file)],
  ];
}

/**
 * Copies the samples of the user. Copies, not links, because an engine may change the owner or the mode of its folder.
 */
async function copyUserSamples(folder: string, user: readonly UserSample[]): Promise<Sample[]> {
  if (user.length > 0) await mkdir(join(folder, 'user'), { recursive: true });
  const samples: Sample[] = [];
  for (const [at, { path, expect }] of user.entries()) {
    const name = `user/${String(at + 1).padStart(5, '0')}-${plainName(path)}`;
    try {
      await copyRegular(path, join(folder, name), { follow: true });
      await chmod(join(folder, name), 0o644); // so that the user of the engine can read it
    } catch (cause) {
      throw new SampleError('sample/not-copied', `cannot copy the sample ${path} into ${folder}`, { cause });
    }
    samples.push({ name, expected: expectation(expect), origin: path });
  }
  return samples;
}

/** End of the name of a file, without characters that could break a line of clamscan. */
function plainName(path: string): string {
  return basename(path)
    .replace(/[^A-Za-z0-9._-]/g, '_')
    .slice(-60);
}

function expectation(expect: UserSample['expect']): Sample['expected'] {
  if (typeof expect === 'string') return expect;
  return new RegExp(`^${expect.signature.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')}$`);
}
