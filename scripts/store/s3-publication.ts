import { stat } from 'node:fs/promises';
import pLimit from 'p-limit';
import { cvdName, parseFileName } from '../cvd/names.ts';
import { cacheControl, contentType } from '../files/served-as.ts';
import { MANIFEST } from './manifest.ts';
import { type Abilities, unchanged } from './s3-abilities.ts';
import type { Attributes, Bucket } from './s3-bucket.ts';
import type { Lease } from './s3-lease.ts';
import type { S3Settings } from './s3-settings.ts';
import { readProven, requireProven, Uploads } from './s3-upload.ts';
import { type Publication, StoreError } from './store.ts';
import { requireStoreName } from './store-name.ts';

/** Requests at a time, for many small files. */
const AT_ONCE = 8;
/** Files at a time. */
const FILES = 4;
/** Bytes of a file that is kept in memory until the commit, and of all of them. */
const SMALL = 1024 * 1024;
const KEPT = 16 * 1024 * 1024;

/** Brings what is ready to its place. */
type Place = () => Promise<unknown>;

export interface PublicationParts {
  readonly bucket: Bucket;
  readonly abilities: Abilities;
  readonly lease: Lease;
  /** The manifest's, or `undefined` if there was none. */
  readonly tag: string | undefined;
  /** Sizes in bytes of what is published, by name. */
  readonly listing: ReadonlyMap<string, number>;
}

/**
 * What was put waits, proven, until all of it is there: large files in the store, as uploads that are not completed,
 * small ones in memory. So a full bucket or a file that has changed ends a publication before anything of it is seen.
 * What the store has already is not sent: neither a file that is in its place, nor the CVD that goes into the archive.
 */
export class S3Publication implements Publication {
  readonly #parts: PublicationParts;
  readonly #uploads: Uploads;
  readonly #limit = pLimit(FILES);
  /** In the order in which they get their places. */
  readonly #steps = new Map<string, Promise<Place>>();
  #kept = 0;

  constructor(parts: PublicationParts) {
    this.#parts = parts;
    this.#uploads = new Uploads(parts.bucket);
  }

  /** Returns while the file is on its way, so that others are at the same time. */
  async put(name: string, path: string, options: { sha256: string; mtime?: Date }): Promise<void> {
    const { bucket, lease } = this.#parts;
    const attributes = attributesOf(requireStoreName(name), bucket.settings, options);
    lease.assertHeld();
    await this.#steps.get(name);
    const elsewhere = this.#elsewhere(name);
    const prepare = () => this.#prepare(name, path, { sha256: options.sha256, attributes, elsewhere });
    this.#add(name, this.#limit(prepare));
  }

  async write(name: string, text: string): Promise<void> {
    const { bucket } = this.#parts;
    const attributes = attributesOf(requireStoreName(name), bucket.settings, {});
    this.#add(
      name,
      Promise.resolve(() => bucket.write(name, text, attributes)),
    );
  }

  async commit(manifest: string): Promise<void> {
    const { bucket, abilities, lease, tag } = this.#parts;
    const steps = await Promise.all(
      [...this.#steps].map(async ([name, ready]) => ({ name, place: await ready })),
    );
    await lease.renew();
    if ((await bucket.read(MANIFEST))?.tag !== tag) throw conflict(bucket.where);
    while (steps.length > 0) {
      // no client asks for the others before a CVD says so, and the pages are true when all of them are there
      const next = steps.findIndex(({ name }) => isCvd(name) !== isCvd(steps[0]?.name ?? ''));
      await this.#placeAll(steps.splice(0, next === -1 ? steps.length : next).map(({ place }) => place));
    }
    lease.assertHeld();
    const attributes = attributesOf(MANIFEST, bucket.settings, {});
    const absent = abilities.create ? ({ IfNoneMatch: '*' } as const) : undefined;
    const condition = tag === undefined ? absent : unchanged(tag, abilities);
    if (condition === undefined && (await bucket.read(MANIFEST))?.tag !== tag) throw conflict(bucket.where);
    if ((await bucket.write(MANIFEST, manifest, attributes, condition)) !== undefined) return;
    // the answer to a first attempt may have been lost
    if ((await bucket.read(MANIFEST))?.text !== manifest) throw conflict(bucket.where);
  }

  async remove(name: string): Promise<void> {
    requireStoreName(name);
    this.#parts.lease.assertHeld();
    await this.#parts.bucket.remove(name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#uploads.stop();
    await Promise.allSettled(this.#steps.values());
    await this.#uploads[Symbol.asyncDispose]();
    await this.#parts.lease[Symbol.asyncDispose]();
  }

  #add(name: string, ready: Promise<Place>): void {
    ready.catch(() => {}); // the commit tells
    this.#steps.set(name, ready);
  }

  async #prepare(
    name: string,
    path: string,
    options: { sha256: string; attributes: Attributes; elsewhere: string | undefined },
  ): Promise<Place> {
    const { bucket } = this.#parts;
    const { sha256, attributes, elsewhere } = options;
    const { size } = await stat(path);
    for (const stored of [name, elsewhere]) {
      if (stored === undefined || !(await this.#has(stored, size, sha256))) continue;
      await requireProven(path, sha256);
      return async () => {
        if (stored !== name) await bucket.copy(stored, name, attributes);
      };
    }
    if (size > SMALL || this.#kept + size > KEPT)
      return await this.#uploads.send(name, path, { size, sha256, attributes });
    this.#kept += size;
    const bytes = await readProven(path, sha256);
    return () => bucket.write(name, bytes, attributes);
  }

  /** Under which other name the store may have a file: what goes into the archive, as the CVD that it was. */
  #elsewhere(name: string): string | undefined {
    const file = parseFileName(name);
    if (file?.kind !== 'archive') return undefined;
    const cvd = cvdName(file.database);
    return this.#steps.has(cvd) ? undefined : cvd; // else it is another one by then
  }

  async #has(name: string, size: number, sha256: string): Promise<boolean> {
    const { bucket, listing } = this.#parts;
    if (listing.get(name) !== size) return false;
    const found = await bucket.head(name);
    return found?.sha256 === sha256 && found.size === size;
  }

  /** In any order. None begins after one has failed, and all that have begun are over then. */
  async #placeAll(places: readonly Place[]): Promise<void> {
    const limit = pLimit({ concurrency: AT_ONCE, rejectOnClear: true });
    const placed = places.map(async (place) => {
      const held = () => {
        this.#parts.lease.assertHeld();
        return place();
      };
      await limit(held).catch((error) => {
        limit.clearQueue();
        throw error;
      });
    });
    await Promise.allSettled(placed);
    await Promise.all(placed);
  }
}

function isCvd(name: string): boolean {
  return parseFileName(name)?.kind === 'cvd';
}

/** Attributes of an object that no reader is to see. */
export function privateAttributes({ encryption, kmsKey }: S3Settings): Attributes {
  return {
    CacheControl: 'no-store',
    ...(encryption !== undefined && { ServerSideEncryption: encryption }),
    ...(kmsKey !== undefined && { SSEKMSKeyId: kmsKey }),
  };
}

function attributesOf(
  name: string,
  settings: S3Settings,
  { sha256, mtime }: { sha256?: string; mtime?: Date },
): Attributes {
  const { storageClass, acl } = settings;
  // vendors have values of their own, which the SDK's types do not know
  const own = {
    ...(storageClass !== undefined && { StorageClass: storageClass }),
    ...(acl !== undefined && { ACL: acl }),
  };
  return {
    ...privateAttributes(settings),
    ContentType: contentType(name),
    CacheControl: cacheControl(name),
    Metadata: {
      ...(sha256 !== undefined && { sha256 }),
      ...(mtime !== undefined && { mtime: String(mtime.getTime() / 1000) }), // as rclone has it
    },
    ...(own as Pick<Attributes, 'StorageClass' | 'ACL'>),
  };
}

export function conflict(where: string): StoreError {
  return new StoreError('store/conflict', `another run published to ${where} in the meantime`, {
    advice: 'What it published stands; the next run starts from there',
  });
}
