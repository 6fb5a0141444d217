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

/** In the project; git does not look at it. */
export const DEFAULT_CACHE = resolve(import.meta.dirname, '..', '..', '.cache', 'official');

/** Talos' own test databases, six versions of `test` and one of `bytecode`. */
export const OFFICIAL_FILES: readonly string[] = [
  ...[1, 2, 3, 4, 5, 6].map((version) => `test-${version}.cvd`),
  ...[2, 3, 4, 5, 6].map((version) => `test-${version}.cdiff`),
  'bytecode.cvd',
];

/**
 * A folder that holds the official files, each proven to be Talos': the cache as it is, or filled from the source
 * package of ClamAV that belongs to this machine's Debian or Ubuntu. From ClamAV 1.5 on that also holds `.sign`
 * files; those are taken too.
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
  const why = problems.join('; ') || 'apt knows no archive to take a source package from';
  throw new SetupError('setup/official-unavailable', `Talos' test databases cannot be had (${why})`, {
    advice: `Or copy them from below unit_tests/input of any ClamAV source to ${cache}: ${missing.join(' ')}`,
  });
}

/** The official files that are not in this folder as Talos made them. */
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

/** Moves what the tarball has of the official files to the cache. Returns why it will not do, or `undefined`. */
async function take(tarball: string, cache: string, places: Places): Promise<string | undefined> {
  const folder = dirname(tarball);
  const $ = shellOf(places, { folder, timeout: 5 * 60_000 })({ nothrow: true });
  // apt's own helper knows every compression, where tar would need xz installed
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

/** Throws unless the file is Talos' and what its name says. */
async function prove(path: string, name: string): Promise<void> {
  const file = parseFileName(name);
  if (file?.kind === 'cvd') {
    await verifyCvdFile(path, TALOS, file);
  } else if (file?.kind === 'cdiff') {
    const { empty } = await verifyCdiffFile(path, TALOS, file); // an empty one is as good as none here
    if (empty) throw new VerifyError('verify/mismatch', 'it is empty');
  } else {
    await proveSign(path);
  }
}

/** Talos signed these under its test root, which production does not trust: they must at least sign what lies beside. */
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
