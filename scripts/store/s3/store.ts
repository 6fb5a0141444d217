import { FILE_BYTES, MANIFEST_BYTES } from '../../base/limits/manifest.ts';
import { ARCHIVE_FOLDER, CHANGES_FOLDER, parseFileName } from '../../cvd/names.ts';
import { cacheControl } from '../../http/content-headers.ts';
import { requireStoreName } from '../file-name.ts';
import type { Publication, Sight, Store } from '../store.ts';
import { MANIFEST } from '../store.ts';
import { abilitiesOf, describeAbilities, removeOldTestObjects } from './abilities.ts';
import type { S3Settings } from './address.ts';
import { Bucket, type ObjectEntry } from './bucket.ts';
import { Lease, type LeaseTimes } from './lease.ts';
import { conflict, privateAttributes, S3Publication } from './publication.ts';
import { abortUploads } from './upload.ts';

const WEEK_MS = 7 * 24 * 60 * 60_000;

/** Store in a bucket, or in a prefix of one. A lease lets one run publish at a time (lease.ts). */
export class S3Store implements Store {
  readonly sight: Sight = {
    trustedFor: WEEK_MS,
    isFar: true,
    seals: async () => await this.#seals(),
    hash: async (name, size) => await this.#hash(name, size),
  };
  readonly #bucket: Bucket;
  readonly #times: LeaseTimes | undefined;
  readonly #outdated = new Set<string>();

  constructor(settings: S3Settings, times?: LeaseTimes) {
    this.#bucket = new Bucket(settings);
    this.#times = times;
  }

  get where(): string {
    return this.#bucket.where;
  }

  async readManifest(): Promise<{ text: string; tag: string } | undefined> {
    const found = await this.#bucket.read(MANIFEST, MANIFEST_BYTES);
    return found === undefined ? undefined : { text: found.text, tag: found.tag };
  }

  async list(): Promise<ReadonlyMap<string, number>> {
    return new Map((await this.#entries()).map(({ name, size }) => [name, size]));
  }

  async fetch(name: string, path: string, limit = FILE_BYTES): Promise<void> {
    const { maxSize = FILE_BYTES } = this.#bucket.settings;
    await this.#bucket.download(requireStoreName(name), path, Math.min(limit, maxSize));
  }

  async readStart(name: string, length: number): Promise<Buffer> {
    return await this.#bucket.readStart(requireStoreName(name), length);
  }

  async begin(tag: string | undefined, { anew = false } = {}): Promise<Publication> {
    const bucket = this.#bucket;
    const attributes = privateAttributes(bucket.settings);
    const abilities = await abilitiesOf(bucket, attributes);
    const lease = await Lease.take(bucket, abilities, {
      attributes,
      ...(this.#times && { times: this.#times }),
    });
    try {
      const cleared = [abortUploads(bucket, lease), removeOldTestObjects(bucket)]; // safe, because we hold the lease
      const asked = [this.#entries(), this.readManifest()] as const;
      await Promise.allSettled([...cleared, ...asked]);
      await Promise.all(cleared);
      const [entries, manifest] = await Promise.all(asked);
      if (manifest?.tag !== tag) throw conflict(this.where);
      const outdated = this.#outdated;
      const listing = new Map(entries.map((entry) => [entry.name, entry]));
      return new S3Publication({ bucket, abilities, lease, tag, listing, anew, outdated });
    } catch (error) {
      await lease[Symbol.asyncDispose]();
      throw error;
    }
  }

  async describeAbilities(): Promise<readonly string[]> {
    const attributes = privateAttributes(this.#bucket.settings);
    return describeAbilities(await abilitiesOf(this.#bucket, attributes));
  }

  async #entries(): Promise<ObjectEntry[]> {
    const folders = ['', `${ARCHIVE_FOLDER}/`, `${CHANGES_FOLDER}/`] as const;
    const lists = await Promise.all(folders.map(async (below) => await this.#bucket.list(below)));
    return lists.flat();
  }

  async #seals(): Promise<ReadonlyMap<string, string>> {
    return new Map(
      (await this.#entries()).map(({ name, size, tag, modified }) => [name, `${tag} ${size} ${modified}`]),
    );
  }

  async #hash(name: string, size: number): Promise<string | undefined> {
    const { maxSize = FILE_BYTES } = this.#bucket.settings;
    const { sha256, cacheControl: found } =
      size > maxSize ? {} : await this.#bucket.hash(requireStoreName(name), size);
    const kind = parseFileName(name)?.kind;
    const isSign = kind === 'sign' || kind === 'archive-sign';
    if (isSign && found !== undefined && found !== cacheControl(name)) this.#outdated.add(name);
    return sha256;
  }
}
