import { createHash } from 'node:crypto';
import { lstat, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { codeOf } from '../base/errors.ts';
import { FILE_BYTES, MANIFEST_BYTES } from '../base/limits/manifest.ts';
import { ARCHIVE_FOLDER, CHANGES_FOLDER } from '../cvd/names.ts';
import { copyProven, FileError, replaceFile, setRights, syncFolder } from '../files/atomic.ts';
import { takeLock } from '../files/lock.ts';
import { copyRegular, readText } from '../files/open.ts';
import {
  FOR_EVERYBODY,
  type HeldFolder,
  holdFolder,
  makeSafeFolder,
  takeCorner,
} from '../files/private-folder.ts';
import { requireSafeWay } from '../files/safe-path.ts';
import { readStart } from '../files/verify.ts';
import { PRIVATE_FOLDER, requireStoreName } from './file-name.ts';
import type { FileRecord } from './file-record.ts';
import { describeAccess, openToReaders } from './folder-access.ts';
import { folderSight } from './folder-sight.ts';
import { moveAside, SET_ASIDE } from './move-aside.ts';
import { isPublishedFile } from './published-file.ts';
import { MANIFEST, type Publication, type Sight, type Store, StoreError } from './store.ts';

export { PRIVATE_FOLDER };

/** Mode of published files: a web server reads them as another user. */
const PUBLISHED_MODE = 0o644;

/** Store in a folder of this machine. Every file arrives by fsync and rename. */
export class FolderStore implements Store {
  readonly where: string;
  readonly sight: Sight;

  constructor(folder: string) {
    this.where = resolve(folder);
    this.sight = folderSight(this.where, async () => (await this.list()).keys());
  }

  async readManifest(): Promise<{ text: string; tag: string } | undefined> {
    try {
      const text = await readText(join(this.where, MANIFEST), MANIFEST_BYTES);
      return { text, tag: createHash('sha256').update(text).digest('hex') };
    } catch (cause) {
      if (codeOf(cause) === 'ENOENT') return undefined;
      throw new StoreError('store/unreadable', `cannot read the manifest in ${this.where}`, { cause });
    }
  }

  async list(): Promise<ReadonlyMap<string, number>> {
    const sizes = new Map<string, number>();
    try {
      await this.#list('', sizes);
      await this.#list(`${ARCHIVE_FOLDER}/`, sizes);
      await this.#list(`${CHANGES_FOLDER}/`, sizes);
    } catch (cause) {
      throw new StoreError('store/unreadable', `cannot list ${this.where}`, { cause });
    }
    return sizes;
  }

  async #list(below: '' | `${string}/`, sizes: Map<string, number>): Promise<void> {
    const folder = join(this.where, below);
    const ignore = below === '' ? ignoreMissing : ignoreNoFolder;
    for (const entry of (await readdir(folder, { withFileTypes: true }).catch(ignore)) ?? []) {
      if (!entry.isFile()) continue;
      const found = await lstat(join(folder, entry.name)).catch(ignoreMissing);
      // otherwise another run has just removed it
      if (found?.isFile() === true) sizes.set(`${below}${entry.name}`, found.size);
    }
  }

  async names(): Promise<readonly string[]> {
    try {
      const found = await readdir(this.where, { withFileTypes: true }).catch(ignoreMissing);
      return (found ?? [])
        .filter((entry) => entry.isFile() || entry.isSymbolicLink())
        .map(({ name }) => name);
    } catch (cause) {
      throw new StoreError('store/unreadable', `cannot list ${this.where}`, { cause });
    }
  }

  async setAside(names: readonly string[], tag: string | undefined): Promise<string> {
    await using held = await this.#enter(tag);
    await moveAside(names, { folder: this.where, corner: held.corner, what: `the store ${this.where}` });
    return join(this.where, PRIVATE_FOLDER, SET_ASIDE);
  }

  async openToReaders(names: readonly string[]): Promise<number> {
    return await openToReaders(this.where, names, PUBLISHED_MODE);
  }

  async fetch(name: string, path: string, limit = FILE_BYTES): Promise<void> {
    try {
      await copyRegular(join(this.where, name), path, { limit });
    } catch (cause) {
      if (codeOf(cause) === 'file/too-large')
        throw new StoreError('store/limit', `${name} in ${this.where} has more bytes than it should`, {
          cause,
        });
      if (['ENOENT', 'file/not-regular'].includes(codeOf(cause) ?? ''))
        throw new StoreError('store/missing', `${this.where} has no file ${name}`, { cause });
      throw cause;
    }
  }

  async readStart(name: string, length: number): Promise<Buffer> {
    try {
      return await readStart(join(this.where, name), length);
    } catch (cause) {
      if (['ENOENT', 'ENOTDIR'].includes(codeOf(cause) ?? ''))
        throw new StoreError('store/missing', `${this.where} has no ${name}`, { cause });
      throw new StoreError('store/unreadable', `cannot read ${name} in ${this.where}`, { cause });
    }
  }

  async describeAccess(): Promise<readonly string[]> {
    return await describeAccess([this.where, join(this.where, ARCHIVE_FOLDER)]);
  }

  async begin(tag: string | undefined): Promise<Publication> {
    await makeSafeFolder(this.where, `the store ${this.where}`, { forEverybody: true });
    const { corner, held } = await this.#enter(tag);
    return new FolderPublication(this.where, corner, held);
  }

  /** Enters the store as its only publisher, until the result is disposed of. */
  async #enter(tag: string | undefined): Promise<Entered> {
    const what = `the store ${this.where}`;
    await using held = new AsyncDisposableStack();
    const corner = held.use(await takeCorner(join(this.where, PRIVATE_FOLDER), what));
    held.use(await lockStore(corner, this.where));
    await removeLeftovers(corner.path);
    if ((await this.readManifest())?.tag !== tag) {
      throw new StoreError('store/conflict', `another run published to ${this.where} in the meantime`, {
        advice: 'Its publication stands. The next run starts from it',
      });
    }
    const moved = held.move();
    return { corner: corner.path, held: moved, [Symbol.asyncDispose]: () => moved.disposeAsync() };
  }
}

interface Entered extends AsyncDisposable {
  readonly corner: string;
  readonly held: AsyncDisposableStack;
}

/**
 * Publication into a folder. Every file waits in our private folder, written and proven, until all are there: a full
 * disk or a changed file ends the publication before a client sees any of it. Then each file is renamed to its place.
 */
class FolderPublication implements Publication {
  readonly #folder: string;
  readonly #corner: string;
  readonly #held: AsyncDisposableStack;
  readonly #waiting: string[] = [];
  /** Folders below the store that are in use, by name. */
  readonly #below = new Map<string, HeldFolder>();

  constructor(folder: string, corner: string, held: AsyncDisposableStack) {
    this.#folder = folder;
    this.#corner = corner;
    this.#held = held;
  }

  async put(name: string, path: string, options: { sha256: string; mtime?: Date }): Promise<void> {
    const put = { temporaryFolder: this.#corner, rights: PUBLISHED_MODE };
    await copyProven(path, await this.#wait(name), { ...options, ...put });
  }

  async write(name: string, text: string): Promise<void> {
    if (await this.#has(name, text)) return;
    await replaceFile(await this.#wait(name), text, {
      temporaryFolder: this.#corner,
      rights: PUBLISHED_MODE,
    });
  }

  async commit(manifest?: string): Promise<void> {
    if (manifest !== undefined) await this.write(MANIFEST, manifest);
    for (const name of this.#waiting.splice(0)) {
      const path = await this.#path(name);
      await rename(this.#temporary(name), path);
      await syncFolder(dirname(path));
    }
  }

  async remove(name: string, record?: FileRecord): Promise<void> {
    const path = await this.#path(name).catch(ignoreMissing);
    if (path === undefined || (record !== undefined && !(await isPublishedFile(path, record)))) return;
    await rm(path, { force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const name of this.#waiting) await rm(this.#temporary(name), { force: true });
    await this.#held[Symbol.asyncDispose]();
  }

  /** True if a published text is as it should be, and not about to be replaced. The manifest is always written. */
  async #has(name: string, text: string): Promise<boolean> {
    if (name === MANIFEST || name !== basename(name) || this.#waiting.includes(name)) return false;
    const path = join(this.#folder, name);
    const found = await lstat(path).catch(() => undefined);
    const bytes = Buffer.byteLength(text);
    if (found?.isFile() !== true || found.size !== bytes || (found.mode & 0o777) !== PUBLISHED_MODE)
      return false;
    return (await readText(path, bytes).catch(() => undefined)) === text;
  }

  async #wait(name: string): Promise<string> {
    const folder = join(this.#folder, dirname(requireStoreName(name)));
    // make the folder before the commit: a failure must not end a publication half-way
    const made = await mkdir(folder, { recursive: true });
    if (made !== undefined) await syncFolder(dirname(folder));
    await this.#path(name);
    const below = this.#below.get(dirname(name));
    if (made !== undefined && below !== undefined) await setRights(below.handle, FOR_EVERYBODY);
    if (!this.#waiting.includes(name)) this.#waiting.push(name);
    return this.#temporary(name);
  }

  #temporary(name: string): string {
    return join(this.#corner, `.tmp-${encodeURIComponent(name)}`);
  }

  /**
   * Path of a published file. A folder below the store stays open from its first use, so that no link can take its
   * place.
   */
  async #path(name: string): Promise<string> {
    const below = dirname(requireStoreName(name));
    if (below === '.') return join(this.#folder, name);
    let held = this.#below.get(below);
    if (held === undefined) {
      held = this.#held.use(await holdFolder(join(this.#folder, below), `the store ${this.#folder}`));
      this.#below.set(below, held);
    }
    return join(held.path, basename(name));
  }
}

/**
 * Requires that others cannot replace the folder of a store. The folder itself may belong to anybody, such as the group
 * of a web server: whoever can write there decides what is served, but nothing else. Throws `setting/unsafe-folder`.
 */
export async function requireStoreFolder(folder: string): Promise<void> {
  await requireSafeWay(folder, `the store ${folder}`);
}

/** Takes the lock by the path of the private folder, and only if the path still leads to the folder that we opened. */
async function lockStore(corner: HeldFolder, where: string): Promise<Disposable> {
  const path = join(where, PRIVATE_FOLDER);
  const held = join(corner.path, 'lock');
  const lock = await takeLock(join(path, 'lock'), `the store ${where}`, held).catch((cause) => {
    throw cause instanceof FileError && cause.code === 'file/busy'
      ? new StoreError('store/busy', `another run is publishing to ${where}`, { cause })
      : cause;
  });
  const { dev, ino } = await lstat(path);
  if (dev === corner.stats.dev && ino === corner.stats.ino) return lock;
  lock[Symbol.dispose]();
  throw new StoreError('store/conflict', `somebody replaced ${path} while it was being locked`);
}

/** Removes the leftovers of a killed run. We hold the lock, so nobody is writing them. */
async function removeLeftovers(corner: string): Promise<void> {
  for (const name of await readdir(corner)) {
    if (name.startsWith('.tmp-')) await rm(join(corner, name), { force: true });
  }
}

/** Ignores a missing folder, and a file of the owner with the name of the archive. */
function ignoreNoFolder(error: unknown): undefined {
  if (codeOf(error) !== 'ENOTDIR') ignoreMissing(error);
}

function ignoreMissing(error: unknown): undefined {
  if (codeOf(error) !== 'ENOENT') throw error;
}
