import { createHash } from 'node:crypto';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { explain, MirrorError } from '../base/errors.ts';
import { setRights } from '../files/atomic.ts';
import { openToAppend } from '../files/open.ts';
import type { ExtraRecord } from '../mirror/extras.ts';
import type { Manifest } from '../mirror/manifest.ts';
import { ProbeError } from '../probe/error.ts';
import type { ProbeClient } from '../probe/http-client.ts';
import { readManifest } from '../probe/read-manifest.ts';
import { openToReaders } from '../store/folder-access.ts';
import type { UpdateContext } from './conditional-update.ts';
import type { ClientFolder } from './folder.ts';
import type { NamedExtras } from './folder-extras.ts';

/** Paths of extras on this machine by name, each with the bytes that the mirror's manifest names. */
export type Extras = ReadonlyMap<string, string>;

export interface TakenExtras {
  readonly extras: Extras;
  /** Names of those that were downloaded. */
  readonly fresh: ReadonlySet<string>;
  /** Names of those that could not be had. */
  readonly missing: readonly string[];
}

const DOWNLOADS = 'extras';

/**
 * Takes the extras of a mirror: from the client's folder where it has their bytes, else from the mirror. One that cannot be
 * had is left out with a warning. A publication may be under way, which writes its files before the manifest: so the manifest
 * is read again before each further attempt.
 */
export async function takeExtras(
  mirror: ProbeClient,
  {
    wanted,
    proven,
    into,
    work,
  }: {
    readonly wanted: NamedExtras;
    /** SHA-256 of those that the client's folder has already. */
    readonly proven: ReadonlyMap<string, string>;
    /** Folder of the client, and its private corner. */
    readonly into: string;
    readonly work: string;
  },
  { log, patience }: Pick<UpdateContext, 'log' | 'patience'>,
  deadline: number,
): Promise<TakenExtras> {
  let named = wanted;
  const downloads = join(work, DOWNLOADS);
  await mkdir(downloads, { recursive: true });
  const has = new Map([...proven].map(([name, sha256]) => [name, { sha256, path: join(into, name) }]));
  for (let left = patience.attempts - 1; ; left--) {
    const failed: string[] = [];
    for (const [name, record] of Object.entries(named)) {
      if (has.get(name)?.sha256 === record.sha256) continue;
      has.delete(name);
      try {
        const path = join(downloads, name);
        await download(mirror, { name, path }, record);
        has.set(name, { path, sha256: record.sha256 });
      } catch (error) {
        if (!(error instanceof MirrorError)) throw error;
        failed.push(name);
        log.warn(`${name} of the mirror is not taken: ${explain(error)}`);
      }
    }
    if (failed.length === 0 || left <= 0 || performance.now() + patience.wait > deadline)
      return taken(has, named, failed, into);
    await wait(patience.wait);
    named = namedIn(await read(mirror)) ?? named;
  }
}

/** Extras that a manifest names; `undefined` without a manifest. */
export function namedIn(manifest: Manifest | undefined): NamedExtras | undefined {
  return manifest && (manifest.extras?.files ?? {});
}

function taken(
  has: ReadonlyMap<string, { readonly path: string }>,
  named: NamedExtras,
  missing: readonly string[],
  into: string,
): TakenExtras {
  const extras = new Map(
    [...has].flatMap(([name, { path }]) => (Object.hasOwn(named, name) ? [[name, path]] : [])),
  );
  const fresh = [...extras].filter(([name, path]) => path !== join(into, name)).map(([name]) => name);
  return { extras, fresh: new Set(fresh), missing };
}

async function read(mirror: ProbeClient): Promise<Manifest | undefined> {
  try {
    return (await readManifest(mirror)).manifest;
  } catch (error) {
    if (!(error instanceof MirrorError)) throw error;
    return undefined;
  }
}

/** Downloads an extra, which must have the size and hash that the manifest names. Throws `ProbeError`. */
async function download(
  mirror: ProbeClient,
  { name, path }: { readonly name: string; readonly path: string },
  { size, sha256 }: ExtraRecord,
): Promise<void> {
  const hash = createHash('sha256');
  await writeFile(path, '');
  await using file = await openToAppend(path);
  await setRights(file, FOR_READERS);
  await mirror.stream(name, size, async (chunk) => {
    hash.update(chunk);
    await file.writeFile(chunk);
  });
  if (hash.digest('hex') === sha256) return;
  throw new ProbeError('probe/incomplete', `${name} does not have the bytes that the manifest names`, {
    advice: 'Another program changed it, or a publication is under way: run clamav-mirror probe',
  });
}

/**
 * Moves extras into a client's folder, each by one rename, readable by everybody, and removes those of the folder that are
 * not among them.
 */
export async function installExtras(extras: Extras, folder: ClientFolder, into: string): Promise<void> {
  for (const [name, path] of extras) {
    await openToReaders(dirname(path), [name], FOR_READERS);
    if (path !== join(into, name)) await rename(path, join(into, name));
  }
  await folder.extras.keepOnly(extras);
}

const FOR_READERS = 0o644;
