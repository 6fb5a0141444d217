import { lstat, mkdir, readdir, rename, rm, rmdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { isWithin } from '../../base/clock.ts';
import { codeOf } from '../../base/errors.ts';
import { PARTIAL_MS, PARTIAL_RECORD_BYTES, VALIDATOR_CHARACTERS } from '../../base/limits/machine.ts';
import { FileError, replaceFile } from '../../files/atomic.ts';
import { openRegular, readNote } from '../../files/open.ts';
import { isTooLarge } from '../error.ts';
import type { UpstreamClient } from '../http-client.ts';

/** Folder of partial files, below the work folder. */
export const PARTIALS_FOLDER = 'partial';

const RecordSchema = v.object({
  upstream: v.string(),
  of: v.string(),
  validator: v.pipe(v.string(), v.minLength(1), v.maxLength(VALIDATOR_CHARACTERS), v.regex(/^[\x20-\x7e]+$/)),
  total: v.pipe(v.number(), v.integer(), v.minValue(1)),
});

/** Removes the leftovers of a killed run: a part without its record, a record without its part, and half a record. */
export async function clearPartials(folder: string): Promise<void> {
  const found = await lstat(folder).catch(() => undefined);
  if (found?.isDirectory() !== true) return;
  const names = new Set(await readdir(folder));
  for (const name of names) {
    const whole = name.replace(/\.(part|json)$/, '');
    if (whole !== name && names.has(`${whole}.part`) && names.has(`${whole}.json`)) continue;
    await rm(join(folder, name), { force: true, recursive: true });
  }
  await rmdir(folder).catch(() => {}); // it may hold complete pairs, or not exist
}

/**
 * Keeps parts of large files between cycles, so over a slow line the next cycle goes on where the last one ended. The
 * parts are not trusted: the completed file is proven as a whole.
 */
export class Partials {
  readonly #folder: string;
  readonly #now: () => Date;
  /** Names under way, because several databases come at a time. */
  readonly #busy = new Set<string>();

  constructor(folder: string, now: () => Date) {
    this.#folder = folder;
    this.#now = now;
  }

  /**
   * Downloads a file to `to`, going on from an earlier part. `of` identifies the file, so no part of another version
   * is used. Returns true if the file has a part of an earlier cycle. Throws like `UpstreamClient.download`, and then
   * keeps the received bytes.
   */
  async download(
    name: string,
    wanted: { readonly of: string; readonly to: string; readonly limit: number },
    client: Pick<UpstreamClient, 'download' | 'url'>,
  ): Promise<boolean> {
    this.#busy.add(name);
    try {
      return await this.#download(name, wanted, client);
    } finally {
      this.#busy.delete(name);
      await this.#removeIfIdle();
    }
  }

  async #download(...[name, wanted, client]: Parameters<Partials['download']>): Promise<boolean> {
    const [part, record] = this.#paths(name);
    await this.#prepare();
    const known = await this.#find(name, { ...wanted, upstream: client.url });
    const size = known?.size ?? 0;
    if (size === 0) await this.discard(name);
    if (size === 0 || size !== known?.total) {
      let isResumable = size > 0;
      const onFile = async (validator: string | undefined, total: number) => {
        isResumable = validator !== undefined;
        const described = { upstream: client.url, of: wanted.of, validator, total };
        if (isResumable) await replaceFile(record, `${JSON.stringify(described)}\n`);
        else await rm(record, { force: true });
      };
      try {
        await client.download(name, part, wanted.limit, {
          validator: size > 0 ? known?.validator : undefined,
          onFile,
        });
      } catch (error) {
        isResumable &&= ((await stat(part).catch(() => undefined))?.size ?? 0) > 0;
        // a full disk needs the room, and a file that is too large is unusable
        if (!isResumable || error instanceof FileError || isTooLarge(error)) await this.discard(name);
        throw error;
      }
    }
    await rename(part, wanted.to);
    await this.discard(name);
    return size > 0;
  }

  /** Removes the part and the record of a file, and the folder once it is empty. */
  async discard(name: string): Promise<void> {
    for (const path of this.#paths(name)) await rm(path, { force: true, recursive: true });
    await this.#removeIfIdle();
  }

  /** Removes the empty folder, unless a download is under way, which may need it. */
  async #removeIfIdle(): Promise<void> {
    if (this.#busy.size === 0) await rmdir(this.#folder).catch(() => {}); // it may hold other parts
  }

  #paths(name: string): [part: string, record: string] {
    return [join(this.#folder, `${name}.part`), join(this.#folder, `${name}.json`)];
  }

  /** Makes the folder, and removes everything in it that is too old, whatever its name. */
  async #prepare(): Promise<void> {
    const found = await lstat(this.#folder).catch(() => undefined);
    if (found?.isDirectory() === false) await rm(this.#folder);
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    for (const name of await readdir(this.#folder)) {
      const path = join(this.#folder, name);
      const { mtime } = (await lstat(path).catch(() => undefined)) ?? { mtime: this.#now() };
      const isIdle = this.#busy.size === 1; // with a wrong clock, a part of another download may look old
      if (isIdle && !this.#isFresh(mtime)) await rm(path, { force: true, recursive: true });
    }
  }

  #isFresh(mtime: Date): boolean {
    return isWithin(mtime.toISOString(), PARTIAL_MS, this.#now());
  }

  /** Finds the record of exactly this file, and the size of its part. */
  async #find(
    name: string,
    { of, limit, upstream }: { readonly of: string; readonly limit: number; readonly upstream: string },
  ) {
    const [part, record] = this.#paths(name);
    try {
      const known = v.parse(RecordSchema, await readNote(record, PARTIAL_RECORD_BYTES));
      await using file = await openRegular(part);
      const { size } = file.stats;
      const isIt = known.upstream === upstream && known.of === of;
      return isIt && size <= known.total && known.total <= limit ? { ...known, size } : undefined;
    } catch (error) {
      const isOdd = error instanceof v.ValiError || error instanceof FileError;
      if (isOdd || codeOf(error) === 'ENOENT') return undefined;
      throw error;
    }
  }
}
