import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { copyRegular } from '../../files/open.ts';
import { SampleError, type UserSample } from './user-samples.ts';
import { encodeMail, encodeTarGz, encodeZip, type WrappedFile } from './wrap.ts';

/** Made by this project; a database that finds something in them finds it in everybody's files. */
const SAFE_SAMPLES = fileURLToPath(new URL('../../../fixtures/safe', import.meta.url));

/** A file that clamscan is given. */
export interface Sample {
  /** Its path below the samples' folder: `hello.txt`, `user/0001-report.pdf`. */
  readonly name: string;
  /** What clamscan must say of it: nothing, anything, or a signature of such a name. */
  readonly expected: 'clean' | 'any' | RegExp;
  /** The path of the user's own file that it is a copy of. */
  readonly origin?: string;
}

/**
 * For clamscan: without these it calls a file OK that it did not scan for being larger than 25 MB (0.103) or 100 MB
 * (1.4). They reach for any sample; whatever else is cut short is `Heuristics.Limits.Exceeded.…`, which is no detection.
 */
export const SCAN_LIMITS = [
  '--max-filesize=2000M',
  '--max-scansize=2000M',
  '--alert-exceeds-max=yes',
] as const;

/** What ClamAV's databases call EICAR: in test and main, and in daily's logical signatures. Others have it in the name, too. */
export const EICAR_SIGNATURE = /^(?!Heuristics\.)(?:\S*[^A-Za-z])?eicar(?![A-Za-z])\S*$/i;
/** The databases that hold a signature for EICAR, unless they are empty; bytecode by itself does not. */
const MUST_KNOW_EICAR = ['main', 'test'];
/** Daily has one by chance (cl#846): it knows EICAR as long as what is published does. */
const KNOWS_EICAR = [...MUST_KNOW_EICAR, 'daily'];

/** Whether databases with these counts of signatures may know EICAR. */
export function knowsEicar(signatures: ReadonlyMap<string, number>): boolean {
  return KNOWS_EICAR.some((database) => (signatures.get(database) ?? 0) > 0);
}

/** Whether they must, with nothing to compare them with. */
export function mustKnowEicar(signatures: ReadonlyMap<string, number>): boolean {
  return MUST_KNOW_EICAR.some((database) => (signatures.get(database) ?? 0) > 0);
}

/** One of those that hold EICAR. */
export function isEicar({ name }: Sample): boolean {
  return name.startsWith('eicar.');
}

/**
 * Puts all samples into `folder`, which holds nothing else: safe ones, EICAR if databases with these counts of
 * signatures may know it, each by itself and inside archives and an e-mail, and copies of the user's own.
 * `ofEicar`: what is expected of it. Throws `sample/not-copied`.
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

/** Built when needed: a file that holds it gets quarantined on people's machines. */
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

/** Copies, not links: what an engine does to the owner or the mode of its folder must not reach the user's files. */
async function copyUserSamples(folder: string, user: readonly UserSample[]): Promise<Sample[]> {
  if (user.length > 0) await mkdir(join(folder, 'user'), { recursive: true });
  const samples: Sample[] = [];
  for (const [at, { path, expect }] of user.entries()) {
    const name = `user/${String(at + 1).padStart(5, '0')}-${plainName(path)}`;
    try {
      await copyRegular(path, join(folder, name), { follow: true });
      await chmod(join(folder, name), 0o644); // so that the engine's own user may read it
    } catch (cause) {
      throw new SampleError('sample/not-copied', `cannot copy the sample ${path} into ${folder}`, { cause });
    }
    samples.push({ name, expected: expectation(expect), origin: path });
  }
  return samples;
}

/** The end of a file's name, without what could break a line of clamscan's output. */
function plainName(path: string): string {
  return basename(path)
    .replace(/[^A-Za-z0-9._-]/g, '_')
    .slice(-60);
}

function expectation(expect: UserSample['expect']): Sample['expected'] {
  if (typeof expect === 'string') return expect;
  return new RegExp(`^${expect.signature.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')}$`);
}
