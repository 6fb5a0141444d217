import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import pLimit from 'p-limit';
import { SIGN_BYTES } from '../../base/limits/databases.ts';
import { MANIFEST_BYTES } from '../../base/limits/manifest.ts';
import { cvdName, parseFileName } from '../../cvd/names.ts';
import { cacheControl, contentType } from '../../http/content-headers.ts';
import { isOurName, requireStoreName } from '../file-name.ts';
import type { FileRecord } from '../file-record.ts';
import { MANIFEST, type Publication, StoreError } from '../store.ts';
import { type Abilities, unchanged } from './abilities.ts';
import type { S3Settings } from './address.ts';
import type { Attributes, Bucket } from './bucket.ts';
import { type Digests, isProvenBy } from './digests.ts';
import type { Lease } from './lease.ts';
import { provenDigests, readProven, Uploads } from './upload.ts';

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

/** What the store has of a file already, and how it can say so. */
interface Stored {
  readonly name: string;
  readonly digests: Digests;
}

export interface PublicationParts {
  readonly bucket: Bucket;
  readonly abilities: Abilities;
  readonly lease: Lease;
  /** The manifest's, or `undefined` if there was none. */
  readonly tag: string | undefined;
  /** Sizes in bytes of what is published, by name. */
  readonly listing: ReadonlyMap<string, number>;
  /** Whether to send everything and to read it back, whatever is there. */
  readonly anew: boolean;
  /** Names of `.sign` files that were seen to have the headers of an earlier version of ours. */
  readonly outdated: Set<string>;
}

/**
 * What was put waits, proven, until all of it is there: CVDs and what is large in the store, as uploads that are not
 * completed, the rest in memory. A file that has changed, or a bucket without room for the CVDs, ends a publication before
 * anything of it is seen. A commit that ends in the middle leaves, in this order, files that no client asks for yet, CVDs
 * that are newer than the manifest, each with its CDIFFs, and pages: all of them whole and proven.
 * What the store has already is not sent: neither a file that is in its place, nor the CVD that goes into the archive. It
 * has what it has reckoned itself: what an object's metadata says was true of the bytes that were once written.
 */
export class S3Publication implements Publication {
  readonly #parts: PublicationParts;
  readonly #uploads: Uploads;
  readonly #limit = pLimit(FILES);
  readonly #steps = new Map<string, Step>();
  readonly #puts = new Map<string, Put>();
  #kept = 0;

  constructor(parts: PublicationParts) {
    this.#parts = parts;
    this.#uploads = new Uploads(parts.bucket, parts.lease);
  }

  /** Returns while the file is on its way, so that others are at the same time. */
  async put(name: string, path: string, options: { sha256: string; mtime?: Date }): Promise<void> {
    const { bucket, lease } = this.#parts;
    const attributes = attributesOf(requireStoreName(name), bucket.settings, options);
    lease.assertHeld();
    await this.#steps.get(name)?.ready;
    const put = { name, path, sha256: options.sha256, attributes };
    this.#puts.set(name, put);
    const ready = this.#limit(() => this.#prepare(put));
    ready.catch(() => {}); // the commit tells
    this.#steps.set(name, { turn: isCvd(name) ? 'CVDs' : 'files', ready });
  }

  async write(name: string, text: string): Promise<void> {
    const { bucket } = this.#parts;
    const sha256 = createHash('sha256').update(text).digest('hex'); // which shows that it is ours
    const attributes = attributesOf(requireStoreName(name), bucket.settings, { sha256 });
    const place = () => bucket.write(name, text, attributes);
    this.#steps.set(name, { turn: 'pages', ready: Promise.resolve(place) });
  }

  async commit(manifest: string): Promise<void> {
    const { bucket, lease, tag, anew } = this.#parts;
    const steps = [...this.#steps.values()];
    await Promise.all(steps.map(({ ready }) => ready));
    await lease.renew();
    if ((await bucket.read(MANIFEST, MANIFEST_BYTES))?.tag !== tag) throw conflict(bucket.where);
    for (const now of TURNS) {
      const ready = steps.filter(({ turn }) => turn === now).map((step) => step.ready);
      await this.#placeAll(await Promise.all(ready));
    }
    if (anew) await this.#placeAll([...this.#puts.values()].map((put) => () => this.#requireStored(put)));
    await this.#placeAll([...this.#parts.outdated].map((name) => () => this.#describeAnew(name)));
    lease.assertHeld();
    await this.#replaceManifest(manifest);
  }

  /** Only what we have put there: somebody may have written a manifest to have another's files removed. */
  async remove(name: string, record?: FileRecord): Promise<void> {
    const { bucket, lease } = this.#parts;
    requireStoreName(name);
    lease.assertHeld();
    const isPage = parseFileName(name) === undefined;
    if (!isPage && !isOurName(name)) return;
    const sha256 = (await bucket.head(name))?.sha256;
    if (sha256 === undefined || (record !== undefined && record.sha256 !== sha256)) return;
    await bucket.remove(name);
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
      return async () => {
        if (stored.name === name || (await this.#copy(stored, put))) return;
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
  async #find({ name, path, sha256 }: Put, size: number): Promise<Stored | undefined> {
    const { bucket, listing, anew } = this.#parts;
    const file = parseFileName(name);
    const names = file?.kind === 'archive' ? [name, cvdName(file.database)] : [name];
    const places = names.filter((place) => listing.get(place) === size);
    if (anew || places.length === 0) return undefined;
    const digests = await provenDigests(path, sha256);
    for (const place of places) {
      const found = await bucket.head(place);
      if (found?.sha256 === sha256 && isProvenBy(found, digests)) return { name: place, digests };
    }
    return undefined;
  }

  /** Copies within the store; false if what came of it is not that file. */
  async #copy({ name: from, digests }: Stored, { name, sha256, attributes }: Put): Promise<boolean> {
    const { bucket } = this.#parts;
    if (!(await bucket.copy(from, name, attributes))) return false;
    const copied = await bucket.head(name);
    if (copied !== undefined && isProvenBy(copied, digests)) return true;
    return (await bucket.hash(name, digests.size)).sha256 === sha256;
  }

  async #requireStored({ name, path, sha256 }: Put): Promise<void> {
    const { bucket } = this.#parts;
    const { size } = await stat(path);
    if ((await bucket.hash(name, size)).sha256 === sha256) return;
    throw new StoreError('store/damaged', `${bucket.where} does not give back ${name} as it was sent`, {
      advice:
        'The manifest was left as it was. Look at what stands before the store, and at the store itself',
    });
  }

  /** Gives a small object of ours the headers of today: caches kept a `.sign` for a year once. */
  async #describeAnew(name: string): Promise<void> {
    const { bucket, outdated } = this.#parts;
    const found = this.#puts.has(name) ? undefined : await bucket.read(name, SIGN_BYTES);
    outdated.delete(name);
    if (found === undefined) return;
    const { content, mtime, sha256 } = found;
    if (createHash('sha256').update(content).digest('hex') !== sha256) return; // damage is for the inspection
    const times = mtime === undefined ? {} : { mtime: new Date(Number(mtime) * 1000) };
    await bucket.write(name, content, attributesOf(name, bucket.settings, { sha256, ...times }));
  }

  async #replaceManifest(manifest: string): Promise<void> {
    const { bucket, abilities, tag } = this.#parts;
    const attributes = attributesOf(MANIFEST, bucket.settings, {});
    const absent = abilities.create ? ({ IfNoneMatch: '*' } as const) : undefined;
    const condition = tag === undefined ? absent : unchanged(tag, abilities);
    if (condition === undefined && (await bucket.read(MANIFEST, MANIFEST_BYTES))?.tag !== tag)
      throw conflict(bucket.where);
    if ((await bucket.write(MANIFEST, manifest, attributes, condition)) !== undefined) return;
    // the answer to a first attempt may have been lost
    if ((await bucket.read(MANIFEST, MANIFEST_BYTES))?.text !== manifest) throw conflict(bucket.where);
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

export function attributesOf(
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
