import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { appendFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** A suite of a Debian archive with one source package, clamav. */
export interface Suite {
  readonly name: string;
  /** What the package has below unit_tests/input. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** `missing`: the index promises more than the archive has, as security archives do. `altered`: its hash is wrong. */
  readonly tarball?: 'sound' | 'missing' | 'altered';
  /** False: apt wants a signature, which is not there. */
  readonly trusted?: boolean;
}

const TARBALL = 'clamav_1.4.9.orig.tar.gz';

/** Makes an archive that real apt reads; returns its entries for sources.list. */
export async function makeArchive(folder: string, suites: readonly Suite[]): Promise<string> {
  for (const suite of suites) await makeSuite(folder, suite);
  return suites
    .map(
      ({ name, trusted = true }) => `deb [trusted=${trusted ? 'yes' : 'no'}] copy:${folder} ${name} main\n`,
    )
    .join('');
}

async function makeSuite(archive: string, { name, files, tarball = 'sound' }: Suite): Promise<void> {
  const [tree, pool] = [join(archive, 'trees', name), join(archive, 'pool', name)];
  const input = join('clamav-1.4.9', 'unit_tests', 'input', 'freshclam_testfiles');
  await mkdir(join(tree, input), { recursive: true });
  await mkdir(pool, { recursive: true });
  for (const [file, bytes] of files) await writeFile(join(tree, input, file), bytes);
  execFileSync('tar', ['-czf', join(pool, TARBALL), '-C', tree, 'clamav-1.4.9']);
  const index = sourcesIndex(`pool/${name}`, await readFile(join(pool, TARBALL)));
  if (tarball === 'missing') await rm(join(pool, TARBALL));
  if (tarball === 'altered') await appendFile(join(pool, TARBALL), 'altered');

  const dists = join(archive, 'dists', name);
  await mkdir(join(dists, 'main', 'source'), { recursive: true });
  await writeFile(join(dists, 'main', 'source', 'Sources'), index);
  await writeFile(join(dists, 'Release'), releaseFile(name, index));
}

function sourcesIndex(directory: string, tarball: Buffer): string {
  return `Package: clamav
Binary: clamav
Version: 1.4.9-1
Format: 3.0 (quilt)
Directory: ${directory}
Checksums-Sha256:
 ${sha256(tarball)} ${tarball.length} ${TARBALL}

`;
}

function releaseFile(suite: string, index: string): string {
  return `Suite: ${suite}
Codename: ${suite}
Components: main
Architectures: all
Date: ${new Date().toUTCString()}
SHA256:
 ${sha256(index)} ${index.length} main/source/Sources
`;
}

function sha256(bytes: string | Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
