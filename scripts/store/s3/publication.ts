import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { extname } from 'node:path';
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
import type { Attributes, Bucket, ObjectEntry } from './bucket.ts';
import { type Digests, isProvenBy } from './digests.ts';
import type { Lease } from './lease.ts';
import { isStored } from './stored-text.ts';
import { provenDigests, readProven, Uploads } from './upload.ts';

/** Requests at a time when the files move to their places. */
const REQUESTS_AT_ONCE = 8;
/** Files at a time when they are sent. */
const FILES_AT_ONCE = 4;
/** Bytes of the largest file to keep in memory until the commit, and of all such files together. */
const KEPT_FILE_SIZE = 1024 * 1024;
const KEPT_SIZE = 16 * 1024 * 1024;

/** Moves a prepared file to its place. */
type Place = () => Promise<unknown>;

/**
 * Order of publication: no client asks for a CDIFF before a CVD leads to it, texts describe CVDs that are there, and pages
 * for people lead to texts that are there.
 */
const TURNS = ['files', 'CVDs', 'texts', 'pages'] as const;

interface Step {
  readonly turn: (typeof TURNS)[number];
  readonly ready: Promise<Place>;
}

/** One file given to `put`. */
interface Put {
  readonly name: string;
  readonly path: string;
  readonly sha256: string;
  readonly attributes: Attributes;
}

/** File that the store has already, with the digests that prove it. */
interface Stored {
  readonly name: string;
  readonly digests: Digests;
}

export interface PublicationContext {
  readonly bucket: Bucket;
  readonly abilities: Abilities;
  readonly lease: Lease;
  /** Tag of the manifest, or `undefined` if there is none. */
  readonly tag: string | undefined;
  /** Published files by name. */
  readonly listing: ReadonlyMap<string, Pick<ObjectEntry, 'size' | 'tag'>>;
  /** True to send every file and read it back, whatever the store has. */
  readonly anew: boolean;
  /** Names of `.sign` files with the headers of an earlier version of this program. */
  readonly outdated: Set<string>;
}

/**
 * Publication into a bucket. Every file waits, proven, until all are there: CVDs and large files in the store as
 * uploads that are not completed, the rest in memory. A changed file, or a bucket without room for the CVDs, ends a
 * publication before a client sees any of it.
 * A commit that breaks off leaves whole and proven files only: files that no client asks for yet, then CVDs newer than
 * the manifest, each with its CDIFFs, then texts and pages.
 * A file that the store has already is not sent again, nor is a CVD that moves into the archive. Only digests that the
 * store computed itself count for this: metadata describes the bytes that were once written.
 */
export class S3Publication implements Publication {
  readonly #context: PublicationContext;
  readonly #uploads: Uploads;
  readonly #limit = pLimit(FILES_AT_ONCE);
  readonly #steps = new Map<string, Step>();
  readonly #puts = new Map<string, Put>();
  #kept = 0;

  constructor(context: PublicationContext) {
    this.#context = context;
    this.#uploads = new Uploads(context.bucket, context.lease);
  }

  /** Starts to send a file and returns, so that several are sent at a time. */
  async put(name: string, path: string, options: { sha256: string; mtime?: Date }): Promise<void> {
    const { bucket, lease } = this.#context;
    const attributes = attributesOf(requireStoreName(name), bucket.settings, options);
    lease.assertHeld();
    await this.#steps.get(name)?.ready;
    const put = { name, path, sha256: options.sha256, attributes };
    this.#puts.set(name, put);
    const ready = this.#limit(() => this.#prepare(put));
    ready.catch(() => {}); // `commit` reports the failure
    this.#steps.set(name, { turn: isCvd(name) ? 'CVDs' : 'files', ready });
  }

  async write(name: string, text: string): Promise<void> {
    const { bucket } = this.#context;
    const sha256 = createHash('sha256').update(text).digest('hex'); // marks the object as ours
    const attributes = attributesOf(requireStoreName(name), bucket.settings, { sha256 });
    const { listing, anew } = this.#context;
    const entry = anew ? undefined : listing.get(name);
    const place = async () => {
      if (await isStored(text, { name, entry, sha256, attributes }, bucket)) return;
      await bucket.write(name, text, attributes);
    };
    const turn = extname(name) === '.html' ? 'pages' : 'texts';
    this.#steps.set(name, { turn, ready: Promise.resolve(place) });
  }

  async commit(manifest?: string): Promise<void> {
    const { bucket, lease, tag, anew } = this.#context;
    const steps = [...this.#steps.values()];
    await Promise.all(steps.map(({ ready }) => ready));
    await lease.renew();
    if ((await bucket.read(MANIFEST, MANIFEST_BYTES))?.tag !== tag) throw conflict(bucket.where);
    for (const now of TURNS) {
      const ready = steps.filter(({ turn }) => turn === now).map((step) => step.ready);
      await this.#placeAll(await Promise.all(ready));
    }
    if (anew) await this.#placeAll([...this.#puts.values()].map((put) => () => this.#requireStored(put)));
    await this.#placeAll([...this.#context.outdated].map((name) => () => this.#describeAnew(name)));
    lease.assertHeld();
    if (manifest !== undefined) await this.#replaceManifest(manifest);
  }

  /** Removes an object only if we wrote it: a forged manifest could name the files of somebody else. */
  async remove(name: string, record?: FileRecord): Promise<void> {
    const { bucket, lease } = this.#context;
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
    await this.#context.lease[Symbol.asyncDispose]();
  }

  async #prepare(put: Put): Promise<Place> {
    const { bucket } = this.#context;
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
    // clients read a CVD in two requests; while a PUT replaces it, Ceph fails the Range of one (409, 500), and an upload avoids that
    if (isCvd(name) || size > KEPT_FILE_SIZE || this.#kept + size > KEPT_SIZE) return await send();
    this.#kept += size;
    const bytes = await readProven(path, sha256);
    return () => bucket.write(name, bytes, attributes);
  }

  /** Finds a file that the store has already: under its own name, or as the CVD that moves into the archive. */
  async #find({ name, path, sha256 }: Put, size: number): Promise<Stored | undefined> {
    const { bucket, listing, anew } = this.#context;
    const file = parseFileName(name);
    const names = file?.kind === 'archive' ? [name, cvdName(file.database)] : [name];
    const places = names.filter((place) => listing.get(place)?.size === size);
    if (anew || places.length === 0) return undefined;
    const digests = await provenDigests(path, sha256);
    for (const place of places) {
      const found = await bucket.head(place);
      if (found?.sha256 === sha256 && isProvenBy(found, digests)) return { name: place, digests };
    }
    return undefined;
  }

  /** Copies a file within the store; `false` if the result is not that file. */
  async #copy({ name: from, digests }: Stored, { name, sha256, attributes }: Put): Promise<boolean> {
    const { bucket } = this.#context;
    if (!(await bucket.copy(from, name, attributes))) return false;
    const copied = await bucket.head(name);
    if (copied !== undefined && isProvenBy(copied, digests)) return true;
    return (await bucket.hash(name, digests.size)).sha256 === sha256;
  }

  async #requireStored({ name, path, sha256 }: Put): Promise<void> {
    const { bucket } = this.#context;
    const { size } = await stat(path);
    if ((await bucket.hash(name, size)).sha256 === sha256) return;
    throw new StoreError('store/damaged', `${bucket.where} does not give back ${name} as it was sent`, {
      advice: 'The manifest was left as it was. Check the store, and any gateway in front of it',
    });
  }

  /** Rewrites a `.sign` with the headers of today: an earlier version let caches keep it for a year. */
  async #describeAnew(name: string): Promise<void> {
    const { bucket, outdated } = this.#context;
    const found = this.#puts.has(name) ? undefined : await bucket.read(name, SIGN_BYTES);
    outdated.delete(name);
    if (found === undefined) return;
    const { content, mtime, sha256 } = found;
    if (createHash('sha256').update(content).digest('hex') !== sha256) return; // the inspection deals with damage
    const times = mtime === undefined ? {} : { mtime: new Date(Number(mtime) * 1000) };
    await bucket.write(name, content, attributesOf(name, bucket.settings, { sha256, ...times }));
  }

  async #replaceManifest(manifest: string): Promise<void> {
    const { bucket, abilities, tag } = this.#context;
    const attributes = attributesOf(MANIFEST, bucket.settings, {});
    const absent = abilities.create ? ({ IfNoneMatch: '*' } as const) : undefined;
    const condition = tag === undefined ? absent : unchanged(tag, abilities);
    if (condition === undefined && (await bucket.read(MANIFEST, MANIFEST_BYTES))?.tag !== tag)
      throw conflict(bucket.where);
    if ((await bucket.write(MANIFEST, manifest, attributes, condition)) !== undefined) return;
    // the write may have succeeded although its answer was lost
    if ((await bucket.read(MANIFEST, MANIFEST_BYTES))?.text !== manifest) throw conflict(bucket.where);
  }

  /** Places files in any order. After a failure it starts no other, and waits for those under way. */
  async #placeAll(places: readonly Place[]): Promise<void> {
    const limit = pLimit({ concurrency: REQUESTS_AT_ONCE, rejectOnClear: true });
    const placed = places.map((place) =>
      limit(async () => {
        this.#context.lease.assertHeld();
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

/** Attributes of an object that is for no reader. */
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
  // the types of the SDK lack the values of other vendors
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
      ...(mtime !== undefined && { mtime: String(mtime.getTime() / 1000) }), // as rclone stores it
    },
    ...(own as Pick<Attributes, 'StorageClass' | 'ACL'>),
  };
}

export function conflict(where: string): StoreError {
  return new StoreError('store/conflict', `another run published to ${where} in the meantime`, {
    advice: 'Its publication stands. The next run starts from it',
  });
}
