import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import type { ClamavPrograms } from '../../../scripts/setup/install-clamav.ts';
import type { Files } from '../databases/naive.ts';
import { signatureLine } from '../databases/signatures.ts';
import { makeTestKeys } from '../databases/signing.ts';
import { rekeyPrograms } from './rekey.ts';

const run = promisify(execFile);

/** The marker that each file of `MARKED_FILES` finds, by the extension of the file. */
const MARKERS: Readonly<Record<string, Buffer>> = Object.fromEntries(
  ['hdb', 'hsb', 'ldb', 'ndb'].map((extension) => [
    extension,
    Buffer.from(`nothing but a marker for ${extension}\n`),
  ]),
);

/** Files of a database, by name: what an engine finds tells which of them it has loaded. */
export const MARKED_FILES: ReadonlyMap<string, Buffer> = new Map(
  Object.entries(MARKERS).map(([extension, marker]) => {
    const form = Object.keys(MARKERS).indexOf(extension);
    const others = Array.from({ length: 5 * (form + 1) }, (_, id) =>
      signatureLine([0, 1, 2, 3][form] ?? 0, id),
    );
    return [`test.${extension}`, Buffer.from(others.join('') + lineFor(extension, marker))];
  }),
);

/** The header of a container as `sigtool --info` tells it. */
export type ToldHeader = Readonly<
  Record<'Build time' | 'Version' | 'Signatures' | 'Functionality level' | 'Builder', string>
>;

/** What real ClamAV sees, which trusts the keys of the tests; `undefined`: it refuses. */
export class ClamavView implements AsyncDisposable {
  readonly #programs: AsyncDisposable;
  readonly #bin: string;
  readonly #folder: string;
  #count = 0;

  private constructor(programs: AsyncDisposable, bin: string, folder: string) {
    this.#programs = programs;
    this.#bin = bin;
    this.#folder = folder;
  }

  static async open({ clamscan, freshclam, sigtool }: ClamavPrograms): Promise<ClamavView> {
    const rekeyed = await rekeyPrograms({ clamscan, freshclam, sigtool }, makeTestKeys().keys);
    const folder = await mkdtemp(join(tmpdir(), 'clamav-view-'));
    await mkdir(join(folder, 'markers'));
    for (const [name, bytes] of Object.entries(MARKERS))
      await writeFile(join(folder, 'markers', name), bytes);
    return new ClamavView(rekeyed, rekeyed.path.split(delimiter)[0] ?? '', folder);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
    await this.#programs[Symbol.asyncDispose]();
  }

  /** The files that `sigtool --unpack` makes of a container. */
  async unpack(name: string, container: Uint8Array): Promise<Files | undefined> {
    return await this.#in(new Map([[name, container]]), async (folder) => {
      const out = join(folder, 'out');
      await mkdir(out);
      if ((await this.#run('sigtool', [`--unpack=${join(folder, name)}`], out)) === undefined)
        return undefined;
      return await filesIn(out);
    });
  }

  /** The header, if `sigtool --info` takes the whole container for good. */
  async info(name: string, container: Uint8Array): Promise<ToldHeader | undefined> {
    return await this.#in(new Map([[name, container]]), async (folder) => {
      const said = await this.#run('sigtool', [`--info=${join(folder, name)}`], folder);
      if (said === undefined) return undefined;
      return Object.fromEntries(
        said.split('\n').flatMap((line) => {
          const [, key, value] = /^([\w ]+): (.*)$/.exec(line) ?? [];
          return key === undefined ? [] : [[key, value]];
        }),
      ) as ToldHeader;
    });
  }

  /** Which files of `MARKED_FILES` clamscan has loaded from a container. */
  async loaded(name: string, container: Uint8Array): Promise<ReadonlySet<string> | undefined> {
    return await this.#in(new Map([[name, container]]), async (folder) => {
      const args = [
        `--database=${join(folder, name)}`,
        '--no-summary',
        '--infected',
        join(this.#folder, 'markers'),
      ];
      const said = await this.#run('clamscan', args, folder, 1);
      return said === undefined
        ? undefined
        : new Set([...said.matchAll(/: Marker\.(\w+) FOUND$/gm)].map(([, extension]) => `test.${extension}`));
    });
  }

  /** What sigtool makes of files with a CDIFF. It compares with `.info` afterwards: an empty one fits everything. */
  async patched(files: Files, name: string, cdiff: Uint8Array): Promise<Files | undefined> {
    const info = `${name.replace(/-.*/s, '')}.info`;
    const given = new Map<string, Uint8Array>(files).set(info, Buffer.from('ClamAV-VDB\n')).set(name, cdiff);
    return await this.#in(given, async (folder) => {
      if ((await this.#run('sigtool', [`--run-cdiff=${name}`], folder)) === undefined) return undefined;
      const result = new Map(await filesIn(folder));
      result.delete(info);
      result.delete(name);
      return result;
    });
  }

  async #in<T>(files: ReadonlyMap<string, Uint8Array>, work: (folder: string) => Promise<T>): Promise<T> {
    const folder = join(this.#folder, String(this.#count++));
    await mkdir(folder);
    try {
      for (const [name, bytes] of files) await writeFile(join(folder, name), bytes);
      return await work(folder);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  /** What a program prints; `undefined` unless it ends with 0, or with the code that is as good. */
  async #run(
    program: string,
    args: readonly string[],
    cwd: string,
    alsoGood = 0,
  ): Promise<string | undefined> {
    try {
      return (await run(join(this.#bin, program), args, { cwd, encoding: 'latin1' })).stdout;
    } catch (error) {
      const { code, stdout } = error as { code?: unknown; stdout?: string };
      if (typeof code !== 'number' && (error as { signal?: unknown }).signal == null) throw error;
      return code === alsoGood ? stdout : undefined;
    }
  }
}

async function filesIn(folder: string): Promise<Files> {
  const names = await readdir(folder);
  return new Map(
    await Promise.all(names.map(async (name) => [name, await readFile(join(folder, name))] as const)),
  );
}

function lineFor(extension: string, marker: Buffer): string {
  const name = `Marker.${extension}`;
  const hash = (algorithm: string) => createHash(algorithm).update(marker).digest('hex');
  switch (extension) {
    case 'hdb':
      return `${hash('md5')}:${marker.length}:${name}\n`;
    case 'hsb':
      return `${hash('sha256')}:${marker.length}:${name}\n`;
    case 'ldb':
      return `${name};Engine:51-255,Target:0;0;${marker.toString('hex')}\n`;
    default:
      return `${name}:0:*:${marker.toString('hex')}\n`;
  }
}
