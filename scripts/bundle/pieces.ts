import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { BUNDLE_PIECES } from '../base/limits/given.ts';
import { syncFolder } from '../files/atomic.ts';
import { withRoom } from '../files/disk-space.ts';
import { FileError } from '../files/error.ts';
import { isThere } from '../files/exists.ts';
import { BundleError } from './error.ts';

/** A bundle on its way into files, which get their names when it is whole. */
export interface Pieces extends AsyncDisposable {
  write(chunk: Uint8Array): Promise<void>;
  /** Gives the files their names. Returns their paths. */
  finish(): Promise<readonly string[]>;
}

/**
 * Opens the files of a bundle: `to`, or `to.001`, `to.002` and so on, each of at most `size` bytes. Files with those
 * names are replaced, and further pieces of an earlier bundle removed: whoever takes `to.*` would take them too.
 */
export function openPieces(to: string, size = Number.POSITIVE_INFINITY): Pieces {
  const isSplit = Number.isFinite(size);
  const pieces: string[] = [];
  let file: FileHandle | undefined;
  let room = 0;
  const nameOf = (number: number) => `${to}.${String(number).padStart(3, '0')}`;
  const temporary = (path: string) => `${path}.part`;
  const close = async () => {
    await file?.sync();
    await file?.close();
    file = undefined;
  };
  const next = async () => {
    await close();
    if (pieces.length === BUNDLE_PIECES)
      throw new BundleError('bundle/piece', `the bundle would have more than ${BUNDLE_PIECES} pieces`, {
        advice: 'Give a larger --split',
      });
    const path = isSplit ? nameOf(pieces.length + 1) : to;
    pieces.push(path);
    file = await openNew(temporary(path));
    room = size;
    return file;
  };
  return {
    async write(chunk) {
      for (let at = 0; at < chunk.length; ) {
        const into = file === undefined || room === 0 ? await next() : file;
        const part = chunk.subarray(at, at + room);
        await withRoom(
          to,
          () => into.writeFile(part),
          async () => part.length,
        );
        room -= part.length;
        at += part.length;
      }
    },
    async finish() {
      await close();
      for (const path of pieces) await rename(temporary(path), path);
      for (let number = pieces.length + 1; isSplit && (await isThere(nameOf(number))); number++)
        await rm(nameOf(number));
      await syncFolder(dirname(to));
      return pieces.splice(0);
    },
    async [Symbol.asyncDispose]() {
      await file?.close();
      for (const path of pieces) await rm(temporary(path), { force: true });
    },
  };
}

/** Opens a file that is new: a link that somebody has put there in its place leads nowhere. Throws `file/unwritable`. */
async function openNew(path: string): Promise<FileHandle> {
  try {
    await rm(path, { force: true });
    return await open(path, 'wx');
  } catch (cause) {
    throw new FileError('file/unwritable', `cannot write ${path}`, {
      cause,
      advice: 'Check that the folder of --to is there, and that this user may write to it',
    });
  }
}
