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

/** Requests at a time, when files get their places. */
const AT_ONCE = 8;
/** Files at a time, when they are sent. */
const FILES = 4;
/** Bytes of a file that is kept in memory until the commit, and of all of them. */
const SMALL = 1024 * 1024;
const KEPT = 16 * 1024 * 1024;

/** Brings what is ready to its place. */
type Place = () => Promise<unknown>;

/** In this order: no client asks for a CDIFF before a CVD says so, and pages tell of CVDs that are there. */
const TURNS = ['files', 'CVDs', 'pages'] as const;

interface Step {
  readonly turn: (typeof TURNS)[number];
  readonly ready: Promise<Place>;
}

/** A file as `put` was told of it. */
interface Put {
  readonly name: string;
  readonly path: string;
  readonly sha256: string;
  readonly attributes: Attributes;
}

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
 * What was put waits, proven, until all of it is there: CVDs and what is large in the store, as uploads that are not
 * completed, the rest in memory. A file that has changed, or a bucket without room for the CVDs, ends a publication before
 * anything of it is seen. A commit that ends in the middle leaves, in this order, files that no client asks for yet, CVDs
 * that are newer than the manifest, each with its CDIFFs, and pages: all of them whole and proven.
 * What the store has already is not sent: neither a file that is in its place, nor the CVD that goes into the archive.
 */
export class S3Publication implements Publication {
  readonly #parts: PublicationParts;
  readonly #uploads: Uploads;
  readonly #limit = pLimit(FILES);
  readonly #steps = new Map<string, Step>();
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
    await this.#steps.get(name)?.ready;
    const ready = this.#limit(() => this.#prepare({ name, path, sha256: options.sha256, attributes }));
    ready.catch(() => {}); // the commit tells
    this.#steps.set(name, { turn: isCvd(name) ? 'CVDs' : 'files', ready });
  }

  async write(name: string, text: string): Promise<void> {
    const { bucket } = this.#parts;
    const attributes = attributesOf(requireStoreName(name), bucket.settings, {});
    const place = () => bucket.write(name, text, attributes);
    this.#steps.set(name, { turn: 'pages', ready: Promise.resolve(place) });
  }

  async commit(manifest: string): Promise<void> {
    const { bucket, lease, tag } = this.#parts;
    const steps = [...this.#steps.values()];
    await Promise.all(steps.map(({ ready }) => ready));
    await lease.renew();
    if ((await bucket.read(MANIFEST))?.tag !== tag) throw conflict(bucket.where);
    for (const now of TURNS) {
      const ready = steps.filter(({ turn }) => turn === now).map((step) => step.ready);
      await this.#placeAll(await Promise.all(ready));
    }
    lease.assertHeld();
    await this.#replaceManifest(manifest);
  }

  async remove(name: string): Promise<void> {
    requireStoreName(name);
    this.#parts.lease.assertHeld();
    await this.#parts.bucket.remove(name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#uploads.stop();
    await Promise.allSettled([...this.#steps.values()].map(({ ready }) => ready));
    await this.#uploads[Symbol.asyncDispose]();
    await this.#parts.lease[Symbol.asyncDispose]();
  }

  async #prepare(put: Put): Promise<Place> {
    const { bucket } = this.#parts;
    const { name, path, sha256, attributes } = put;
    const { size } = await stat(path);
    const send = () => this.#uploads.send(name, path, { size, sha256, attributes });
    const stored = await this.#find(put, size);
    if (stored !== undefined) {
      await requireProven(path, sha256);
      return async () => {
        if (stored === name || (await bucket.copy(stored, name, attributes))) return;
        const complete = await send();
        await complete();
      };
    }
    // a client reads a CVD in two requests: Ceph fails the Range of one that a PUT replaces (409, 500), not of an upload
    if (isCvd(name) || size > SMALL || this.#kept + size > KEPT) return await send();
    this.#kept += size;
    const bytes = await readProven(path, sha256);
    return () => bucket.write(name, bytes, attributes);
  }

  /** Under which name the store has a file already: its own, or that of the CVD that goes into the archive. */
  async #find({ name, sha256 }: Put, size: number): Promise<string | undefined> {
    const { bucket, listing } = this.#parts;
    const file = parseFileName(name);
    for (const stored of file?.kind === 'archive' ? [name, cvdName(file.database)] : [name]) {
      if (listing.get(stored) !== size) continue;
      const found = await bucket.head(stored);
      if (found?.sha256 === sha256 && found.size === size) return stored;
    }
    return undefined;
  }

  async #replaceManifest(manifest: string): Promise<void> {
    const { bucket, abilities, tag } = this.#parts;
    const attributes = attributesOf(MANIFEST, bucket.settings, {});
    const absent = abilities.create ? ({ IfNoneMatch: '*' } as const) : undefined;
    const condition = tag === undefined ? absent : unchanged(tag, abilities);
    if (condition === undefined && (await bucket.read(MANIFEST))?.tag !== tag) throw conflict(bucket.where);
    if ((await bucket.write(MANIFEST, manifest, attributes, condition)) !== undefined) return;
    // the answer to a first attempt may have been lost
    if ((await bucket.read(MANIFEST))?.text !== manifest) throw conflict(bucket.where);
  }

  /** In any order. None begins after one has failed, and all that have begun are over then. */
  async #placeAll(places: readonly Place[]): Promise<void> {
    const limit = pLimit({ concurrency: AT_ONCE, rejectOnClear: true });
    const placed = places.map((place) =>
      limit(async () => {
        this.#parts.lease.assertHeld();
        await place();
      }).catch((error) => {
        limit.clearQueue();
        throw error;
      }),
    );
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
