import { stat } from 'node:fs/promises';
import pLimit from 'p-limit';
import { cvdName, parseFileName } from '../cvd/names.ts';
import { cacheControl, contentType } from '../files/served-as.ts';
import { MANIFEST } from './manifest.ts';
import { type Abilities, unchanged } from './s3-abilities.ts';
import type { Attributes, Bucket } from './s3-bucket.ts';
import type { Lease } from './s3-lease.ts';
import type { S3Settings } from './s3-settings.ts';
import { readProven, requireProven, uploadProven } from './s3-upload.ts';
import { type Publication, StoreError } from './store.ts';
import { PRIVATE_FOLDER, requireStoreName } from './store-name.ts';

/** Where files wait that are not published yet. */
export const WAITING = `${PRIVATE_FOLDER}/waiting/` as const;

/** Requests at a time, for many small files. */
const AT_ONCE = 8;
/** Bytes of a file that is sent from memory beside others. */
const SMALL = 1024 * 1024;

/** What brings a file to its place at the commit. */
interface Step {
  readonly name: string;
  place(): Promise<void>;
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
 * Files wait in our corner, uploaded and proven, until all of them are there: a full bucket or a file that has changed
 * ends a publication before anything of it is seen. Then the store copies them to their places, in order. What the
 * store has already is not sent: neither a file that is in its place, nor the CVD that goes into the archive.
 */
export class S3Publication implements Publication {
  readonly #parts: PublicationParts;
  readonly #steps: Step[] = [];
  readonly #waiting: string[] = [];
  /** Small files on their way, so many at a time. */
  readonly #sending: Promise<void>[] = [];

  constructor(parts: PublicationParts) {
    this.#parts = parts;
  }

  async put(name: string, path: string, options: { sha256: string; mtime?: Date }): Promise<void> {
    const { bucket, lease } = this.#parts;
    const attributes = attributesOf(requireStoreName(name), bucket.settings, options);
    lease.assertHeld();
    const stored = await this.#find(name, path, options.sha256);
    if (stored === name) return await requireProven(path, options.sha256);
    if (stored !== undefined) {
      await requireProven(path, options.sha256);
      this.#add({ name, place: () => bucket.copy(stored, name, attributes) });
      return;
    }
    const waiting = `${WAITING}${lease.owner}/${name}`;
    if (!this.#waiting.includes(waiting)) this.#waiting.push(waiting);
    const hidden = privateAttributes(bucket.settings);
    if ((await stat(path)).size > SMALL)
      await uploadProven(bucket, waiting, path, { ...options, attributes: hidden });
    else await this.#send(bucket.write(waiting, await readProven(path, options.sha256), hidden));
    this.#add({ name, place: () => bucket.copy(waiting, name, attributes) });
  }

  async write(name: string, text: string): Promise<void> {
    const { bucket } = this.#parts;
    const attributes = attributesOf(requireStoreName(name), bucket.settings, {});
    const place = async () => {
      await bucket.write(name, text, attributes);
    };
    this.#add({ name, place });
  }

  async commit(manifest: string): Promise<void> {
    const { bucket, abilities, lease, tag } = this.#parts;
    await Promise.all(this.#sending);
    await lease.renew();
    if ((await bucket.read(MANIFEST))?.tag !== tag) throw conflict(bucket.where);
    const steps = this.#steps.splice(0);
    // no client asks for these before a CVD says so
    const firstCvd = steps.findIndex(({ name }) => parseFileName(name)?.kind === 'cvd');
    const limit = pLimit(AT_ONCE);
    await limit.map(firstCvd === -1 ? [] : steps.splice(0, firstCvd), (step) => this.#place(step));
    for (const step of steps) await this.#place(step);
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

  /** What cannot be cleared now is cleared by the next run. */
  async [Symbol.asyncDispose](): Promise<void> {
    const { bucket, lease } = this.#parts;
    await Promise.allSettled(this.#sending);
    const abortSignal = AbortSignal.timeout(CLEAR_TIMEOUT);
    const limit = pLimit(AT_ONCE);
    await limit.map(this.#waiting, (name) => bucket.remove(name, { abortSignal }).catch(() => {}));
    await lease[Symbol.asyncDispose]();
  }

  /** The name under which the store has a file of this hash: in its place, or, for the archive, by its CVD's name. */
  async #find(name: string, path: string, sha256: string): Promise<string | undefined> {
    const { size } = await stat(path);
    const { bucket, listing } = this.#parts;
    const file = parseFileName(name);
    for (const place of file?.kind === 'archive' ? [name, cvdName(file.database)] : [name]) {
      if (this.#steps.some((step) => step.name === place)) continue; // it will be another one by then
      if (listing.get(place) !== size) continue;
      const found = await bucket.head(place);
      if (found?.sha256 === sha256 && found.size === size) return place;
    }
    return undefined;
  }

  /** Goes on while it is sent; that it failed is seen at the commit. */
  async #send(sent: Promise<unknown>): Promise<void> {
    const sending = sent.then(() => {});
    sending.catch(() => {});
    this.#sending.push(sending);
    await this.#sending.at(-AT_ONCE);
  }

  #add(step: Step): void {
    const at = this.#steps.findIndex(({ name }) => name === step.name);
    if (at === -1) this.#steps.push(step);
    else this.#steps[at] = step;
  }

  async #place(step: Step): Promise<void> {
    this.#parts.lease.assertHeld();
    await step.place();
  }
}

/** Milliseconds. */
const CLEAR_TIMEOUT = 10_000;

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
