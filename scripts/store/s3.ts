import { ARCHIVE_FOLDER } from '../cvd/names.ts';
import { MANIFEST } from './manifest.ts';
import { abilitiesOf, describeAbilities, TRIALS } from './s3-abilities.ts';
import { Bucket } from './s3-bucket.ts';
import { Lease, type LeaseTimes } from './s3-lease.ts';
import { conflict, privateAttributes, S3Publication, WAITING } from './s3-publication.ts';
import type { S3Settings } from './s3-settings.ts';
import { abortUploads } from './s3-upload.ts';
import type { Publication, Store } from './store.ts';
import { requireStoreName } from './store-name.ts';

/** A trial takes seconds; one of this age was left behind. Milliseconds. */
const OLD_TRIAL = 3_600_000;

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
    const found = [...(await this.#bucket.list('')), ...(await this.#bucket.list(`${ARCHIVE_FOLDER}/`))];
    return new Map(found.map(({ name, size }) => [name, size]));
  }

  async fetch(name: string, path: string): Promise<void> {
    await this.#bucket.download(requireStoreName(name), path);
  }

  async begin(tag: string | undefined): Promise<Publication> {
    const bucket = this.#bucket;
    const abilities = await abilitiesOf(bucket);
    const attributes = privateAttributes(bucket.settings);
    const lease = await Lease.take(bucket, abilities, {
      attributes,
      ...(this.#times && { times: this.#times }),
    });
    let listing: ReadonlyMap<string, number>;
    try {
      await removeLeftovers(bucket);
      listing = await this.list();
      if ((await this.readManifest())?.tag !== tag) throw conflict(this.where);
    } catch (error) {
      await lease[Symbol.asyncDispose]();
      throw error;
    }
    return new S3Publication({ bucket, abilities, lease, tag, listing });
  }

  async describeAbilities(): Promise<readonly string[]> {
    return describeAbilities(await abilitiesOf(this.#bucket));
  }
}

/** What a run that was killed left behind: we hold the lease, so no one else may be writing these. */
async function removeLeftovers(bucket: Bucket): Promise<void> {
  await abortUploads(bucket, WAITING);
  for (const { name } of await bucket.list(WAITING, { deep: true })) await bucket.remove(name);
  for (const { name, modified } of await bucket.list(TRIALS)) {
    if (bucket.now() - modified > OLD_TRIAL) await bucket.remove(name);
  }
}
