import { ARCHIVE_FOLDER } from '../cvd/names.ts';
import { MANIFEST } from './manifest.ts';
import { abilitiesOf, describeAbilities, removeOldTrials } from './s3-abilities.ts';
import { Bucket } from './s3-bucket.ts';
import { Lease, type LeaseTimes } from './s3-lease.ts';
import { conflict, privateAttributes, S3Publication } from './s3-publication.ts';
import type { S3Settings } from './s3-settings.ts';
import { abortUploads } from './s3-upload.ts';
import type { Publication, Store } from './store.ts';
import { requireStoreName } from './store-name.ts';

/** A bucket, or a prefix in one, as the store. One run publishes at a time, by a lease (s3-lease.ts). */
export class S3Store implements Store {
  readonly #bucket: Bucket;
  readonly #times: LeaseTimes | undefined;

  constructor(settings: S3Settings, times?: LeaseTimes) {
    this.#bucket = new Bucket(settings);
    this.#times = times;
  }

  get where(): string {
    return this.#bucket.where;
  }

  async readManifest(): Promise<{ text: string; tag: string } | undefined> {
    const found = await this.#bucket.read(MANIFEST);
    return found === undefined ? undefined : { text: found.text, tag: found.tag };
  }

  async list(): Promise<ReadonlyMap<string, number>> {
    const lists = await Promise.all([this.#bucket.list(''), this.#bucket.list(`${ARCHIVE_FOLDER}/`)]);
    return new Map(lists.flat().map(({ name, size }) => [name, size]));
  }

  async fetch(name: string, path: string): Promise<void> {
    await this.#bucket.download(requireStoreName(name), path);
  }

  async readStart(name: string, length: number): Promise<Buffer> {
    return await this.#bucket.readStart(requireStoreName(name), length);
  }

  async begin(tag: string | undefined): Promise<Publication> {
    const bucket = this.#bucket;
    const attributes = privateAttributes(bucket.settings);
    const abilities = await abilitiesOf(bucket, attributes);
    const lease = await Lease.take(bucket, abilities, {
      attributes,
      ...(this.#times && { times: this.#times }),
    });
    try {
      const cleared = [abortUploads(bucket), removeOldTrials(bucket)]; // we hold the lease: no one else sends such files
      const asked = [this.list(), this.readManifest()] as const;
      await Promise.allSettled([...cleared, ...asked]);
      await Promise.all(cleared);
      const [listing, manifest] = await Promise.all(asked);
      if (manifest?.tag !== tag) throw conflict(this.where);
      return new S3Publication({ bucket, abilities, lease, tag, listing });
    } catch (error) {
      await lease[Symbol.asyncDispose]();
      throw error;
    }
  }

  async describeAbilities(): Promise<readonly string[]> {
    const attributes = privateAttributes(this.#bucket.settings);
    return describeAbilities(await abilitiesOf(this.#bucket, attributes));
  }
}
