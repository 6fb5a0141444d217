import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { type LegacyKeys, TALOS_KEYS } from '../../scripts/cvd/keys.ts';
import { docker } from './docker.ts';
import { LABEL } from './docker-cli.ts';
import { clamav } from './official.ts';

/**
 * Real ClamAV that trusts the keys of the tests instead of Talos', so that it can be given databases that are signed and
 * hostile. It holds each key as decimal digits, which are exchanged in copies of its files.
 */
export interface RekeyedNative extends AsyncDisposable {
  /** A PATH on which the re-keyed programs come first. */
  readonly path: string;
}

/** The ClamAV of this machine with other keys. Throws if Talos' keys are not where they should be. */
export async function rekeyedNative(keys: LegacyKeys): Promise<RekeyedNative> {
  const { version: _, ...programs } = clamav();
  const { stdout } = await promisify(execFile)('ldd', [programs.freshclam]);
  const libraries = [...stdout.matchAll(/=> (\S*\/lib(?:fresh)?clam(?:av)?\.so\S*)/g)].map(
    ([, path = '']) => path,
  );
  const files = await readAll([...libraries, programs.sigtool]);
  rekey(files, keys);
  const folder = await mkdtemp(join(tmpdir(), 'rekeyed-'));
  const bin = join(folder, 'bin');
  await mkdir(bin);
  for (const [path, bytes] of files) await writeFile(join(folder, basename(path)), bytes, { mode: 0o755 });
  for (const [name, path] of Object.entries(programs)) {
    const program = files.has(path) ? join(folder, basename(path)) : path;
    await writeFile(join(bin, name), `#!/bin/sh\nLD_LIBRARY_PATH='${folder}' exec '${program}' "$@"\n`);
    await chmod(join(bin, name), 0o755);
  }
  return {
    path: [bin, process.env.PATH ?? ''].join(delimiter),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

export interface RekeyedImage extends AsyncDisposable {
  /** A tag. */
  readonly image: string;
}

/** A Docker image with ClamAV, with other keys. Throws if Talos' keys are not where they should be. */
export async function rekeyedImage(image: string, keys: LegacyKeys): Promise<RekeyedImage> {
  const container = await docker('create', image);
  const folder = await mkdtemp(join(tmpdir(), 'rekeyed-'));
  try {
    const paths = (await docker('run', '--rm', '--network=none', image, 'sh', '-c', LIST)).split('\n');
    const copyOf = (path: string) => join(folder, basename(path));
    for (const path of paths) await docker('cp', `${container}:${path}`, copyOf(path));
    const copies = await readAll(paths.map(copyOf));
    rekey(copies, keys);
    for (const path of paths) {
      await writeFile(copyOf(path), copies.get(copyOf(path)) ?? '');
      await docker('cp', copyOf(path), `${container}:${path}`);
    }
    const tag = `${LABEL}:rekeyed-${randomUUID()}`;
    await docker('commit', container, tag);
    return {
      image: tag,
      [Symbol.asyncDispose]: async () => {
        await docker('image', 'rm', '--force', tag);
      },
    };
  } finally {
    await docker('rm', '--force', '--volumes', container);
    await rm(folder, { recursive: true, force: true });
  }
}

/** For `sh -c`: the files in an image that may hold keys. */
const LIST =
  'for f in /usr/lib/*/libclamav.so.* /usr/lib/*/libfreshclam.so.*; do readlink -f "$f"; done | sort -u';

async function readAll(paths: readonly string[]): Promise<Map<string, Buffer>> {
  return new Map(await Promise.all(paths.map(async (path) => [path, await readFile(path)] as const)));
}

/**
 * Puts other keys in the place of Talos' wherever these files hold one. Throws unless every key is found, and never more
 * than once in a file: what is left would be trusted as well.
 */
export function rekey(files: ReadonlyMap<string, Buffer>, keys: LegacyKeys): void {
  for (const name of ['header', 'info', 'cdiff'] as const) {
    const [old, own] = [TALOS_KEYS[name], keys[name]];
    const [digits, ownDigits] = [String(old.n), String(own.n).padStart(String(old.n).length, '0')];
    if (own.e !== old.e || ownDigits.length !== digits.length) {
      throw new Error(
        `the ${name} key of the tests does not fit in the place of Talos': other exponent or size`,
      );
    }
    let found = 0;
    for (const [path, bytes] of files) {
      const at = bytes.indexOf(digits);
      if (at === -1) continue;
      bytes.write(ownDigits, at, 'latin1');
      if (bytes.includes(digits)) throw new Error(`${path} holds Talos' ${name} key twice`);
      found++;
    }
    if (found === 0) throw new Error(`Talos' ${name} key is in none of ${[...files.keys()].join(', ')}`);
  }
}
