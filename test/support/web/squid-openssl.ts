import { access, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { explain } from '../../../scripts/base/errors.ts';
import { run } from '../../../scripts/setup/programs.ts';
import type { InstallOptions } from '../setup/install.ts';
import { makeCompany } from './company.ts';
import { ensureSquid, startSquid } from './squid.ts';

const CACHE = join(import.meta.dirname, '..', '..', '..', '.cache', 'squid-openssl');
const DOWNLOAD_MS = 5 * 60_000;

/** The program that signs certificates for a squid of this path. */
export function signerOf(program: string): string {
  return join(program, '..', '..', 'lib', 'squid', 'security_file_certgen');
}

/**
 * The path of a squid that reads TLS along. Debian has it in another package, which would replace the one that is installed:
 * so it is unpacked, and what it needs comes with the other one. Throws if it does not run.
 */
export async function ensureReadingSquid(options: InstallOptions): Promise<string> {
  await ensureSquid(options);
  const program = join(CACHE, 'usr', 'sbin', 'squid');
  await access(program).catch(() => unpack(options));
  const folder = await mkdtemp(join(tmpdir(), 'squid-trial-'));
  try {
    const reading = { ...makeCompany(folder), signer: signerOf(program) };
    await using _ = await startSquid(program, { reading });
  } catch (error) {
    throw new Error(`squid does not read TLS along here: ${explain(error)}`);
  } finally {
    await rm(folder, { recursive: true });
  }
  return program;
}

async function unpack(options: InstallOptions): Promise<void> {
  options.log('unpacking squid-openssl ...');
  await mkdir(join(CACHE, '..'), { recursive: true });
  const folder = await mkdtemp(`${CACHE}-`);
  const ran = async (...command: string[]) => {
    const { exitCode, stderr } = await run(command, { ...options, timeout: DOWNLOAD_MS });
    if (exitCode !== 0) throw new Error(`${command.join(' ')}: ${stderr.trim().slice(-500)}`);
  };
  try {
    await ran('sh', '-c', 'cd "$0" && apt-get download squid-openssl', folder);
    const [name = ''] = (await readdir(folder)).filter((one) => one.endsWith('.deb'));
    await ran('dpkg-deb', '-x', join(folder, name), join(folder, 'root'));
    await rename(join(folder, 'root'), CACHE);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
