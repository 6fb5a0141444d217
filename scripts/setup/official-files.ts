import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { codeOf } from '../base/errors.ts';
import { parseClamSign } from '../cvd/clamsign.ts';
import { parseFileName } from '../cvd/names.ts';
import { replaceFile } from '../files/atomic.ts';
import { verifyCdiffFile, verifyCvdFile, verifySignFile } from '../files/verify.ts';
import { parseSignedData, verifySignedData } from '../verify/cms/signed-data.ts';
import { VerifyError } from '../verify/error.ts';
import { DigestSet } from '../verify/sign.ts';
import { TALOS } from '../verify/trust.ts';
import { SetupError } from './error.ts';
import { lastWords, type Places, shellOf } from './programs.ts';
import { downloadSource } from './source-package.ts';

/** Cache in the project, ignored by git. */
export const DEFAULT_CACHE = resolve(import.meta.dirname, '..', '..', '.cache', 'official');

/** Test databases of Talos: six versions of `test` and one of `bytecode`. */
export const OFFICIAL_FILES: readonly string[] = [
  ...[1, 2, 3, 4, 5, 6].map((version) => `test-${version}.cvd`),
  ...[2, 3, 4, 5, 6].map((version) => `test-${version}.cdiff`),
  'bytecode.cvd',
];

/**
 * Provides a folder with the official files, each proven to be made by Talos: the cache, or filled from the source
 * package of ClamAV of this machine's Debian or Ubuntu. From ClamAV 1.5 on, that package has `.sign` files, which are
 * taken too.
 *
 * Throws `setup/official-unavailable`.
 */
export async function ensureOfficial(
  cacheFolder: string,
  options: Places & { readonly log: (line: string) => void },
): Promise<string> {
  const cache = resolve(cacheFolder);
  const missing = await unproven(cache);
  if (missing.length === 0) return cache;
  options.log("fetching Talos' test databases, which come with the source package of ClamAV (about 40 MB)");
  const work = await mkdtemp(join(tmpdir(), 'clamav-source-'));
  const problems: string[] = [];
  try {
    for await (const { suite, tarball, problem } of downloadSource('clamav', work, options)) {
      const wrong = tarball === undefined ? problem : await take(tarball, cache, options);
      if (wrong === undefined) {
        options.log(`took Talos' test databases from the source package of ClamAV in ${suite}`);
        return cache;
      }
      options.log(`no test databases from the sources of ${suite}: ${wrong}`);
      problems.push(`${suite}: ${wrong}`);
    }
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  const why = problems.join('; ') || 'apt has no archive with source packages';
  throw new SetupError('setup/official-unavailable', `cannot get the test databases of Talos (${why})`, {
    advice: `Copy these files from unit_tests/input of any ClamAV source to ${cache}: ${missing.join(' ')}`,
  });
}

/** Official files that are missing from this folder or not made by Talos. */
async function unproven(folder: string): Promise<string[]> {
  const names: string[] = [];
  for (const name of OFFICIAL_FILES) {
    try {
      await prove(join(folder, name), name);
    } catch (error) {
      if (!(error instanceof VerifyError) && codeOf(error) !== 'ENOENT') throw error;
      names.push(name);
    }
  }
  return names;
}

/** Moves the official files in the tarball to the cache. Returns `undefined`, or why the tarball is not usable. */
async function take(tarball: string, cache: string, places: Places): Promise<string | undefined> {
  const folder = dirname(tarball);
  const $ = shellOf(places, { folder, timeout: 5 * 60_000 })({ nothrow: true });
  // the helper of apt knows every compression; tar would need xz installed
  const result = await $`/usr/lib/apt/apt-helper cat-file ${tarball} |
    tar --extract --file=- --no-same-owner --wildcards '*/unit_tests/input/*.c[vd]*'`;
  if (result.exitCode !== 0) return lastWords(result);
  const files = await readdir(folder, { recursive: true, withFileTypes: true });
  for (const file of files.filter((entry) => entry.isFile()).sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const optional = file.name.endsWith('.sign');
    if (!OFFICIAL_FILES.includes(file.name.replace(/\.sign$/, ''))) continue;
    const path = join(file.parentPath, file.name);
    try {
      await prove(path, file.name);
    } catch (error) {
      if (!(error instanceof VerifyError)) throw error;
      if (optional) continue;
      return `${file.name}: ${error.message}`;
    }
    await replaceFile(join(cache, file.name), await readFile(path));
  }
  const missing = await unproven(cache);
  return missing.length === 0 ? undefined : `${basename(tarball)} does not hold ${missing.join(' ')}`;
}

/** Requires that Talos made the file and that it is what its name says. */
async function prove(path: string, name: string): Promise<void> {
  const file = parseFileName(name);
  if (file?.kind === 'cvd') {
    await verifyCvdFile(path, TALOS, file);
  } else if (file?.kind === 'cdiff') {
    const { empty } = await verifyCdiffFile(path, TALOS, file); // an empty one is useless here
    if (empty) throw new VerifyError('verify/mismatch', 'it is empty');
  } else {
    await proveSign(path);
  }
}

/**
 * Requires that a `.sign` signs the file beside it. Talos signed these under its test root, which production does not
 * trust.
 */
async function proveSign(path: string): Promise<void> {
  const signed = path.slice(0, -'.sign'.length);
  try {
    await verifySignFile(path, signed, TALOS);
  } catch (error) {
    if (codeOf(error) !== 'verify/untrusted-signer') throw error;
    const digests = new DigestSet().update(await readFile(signed)).digests();
    for (const { signature } of parseClamSign(await readFile(path)))
      verifySignedData(parseSignedData(signature), digests);
  }
}
