import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, delimiter, join } from 'node:path';
import { type LegacyKeys, TALOS_KEYS } from '../../../scripts/cvd/keys.ts';
import { shell } from '../../../scripts/setup/shell.ts';

/**
 * Real ClamAV that trusts the keys of the tests instead of Talos', so that it can be given databases that are signed and
 * hostile. It holds each key as decimal digits, which are exchanged in copies of its files.
 */
export interface RekeyedNative extends AsyncDisposable {
  /** A PATH on which the re-keyed programs come first. */
  readonly path: string;
}

/** Copies of ClamAV's programs (paths by name) with other keys. Throws if Talos' keys are not where they should be. */
export async function rekeyPrograms(
  programs: Readonly<Record<string, string>> & { readonly freshclam: string; readonly sigtool: string },
  keys: LegacyKeys,
): Promise<RekeyedNative> {
  const { stdout } = await shell({ environment: process.env })`ldd ${programs.freshclam}`;
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

/** What is in these files, by path. */
export async function readAll(paths: readonly string[]): Promise<Map<string, Buffer>> {
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
