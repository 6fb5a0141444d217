import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { CachedStore } from '../../scripts/mirror/cached-store.ts';
import { SIGHTINGS } from '../../scripts/mirror/check/sightings.ts';
import { COPIES_FOLDER } from '../../scripts/store/copies.ts';
import { FolderStore } from '../../scripts/store/folder.ts';
import { openStore } from '../../scripts/store/open.ts';
import type { Store } from '../../scripts/store/store.ts';
import { startMirror, type TestMirror } from '../support/mirror/cycle.ts';
import type { Ceph } from '../support/s3/ceph.ts';
import { newBucket, type TestBucket } from '../support/s3/s3.ts';
import { type FaultProxy, startFaultProxy } from '../support/web/fault-proxy.ts';

/** A mirror of database `test`, and its store as somebody sees it who can write there. */
export interface AttackedMirror extends AsyncDisposable {
  readonly mirror: TestMirror;
  readonly store: Store;
  /** Arguments of the command that name the store. */
  readonly args: readonly string[];
  read(name: string): Promise<Buffer | undefined>;
  /** Changes a bit of a file in its place: the same size, the same metadata. */
  flip(name: string, at: number): Promise<void>;
  /** As on a machine that is new. */
  forget(): Promise<void>;
}

export async function attackedFolder(version: number): Promise<AttackedMirror> {
  const mirror = await startMirror(version);
  const path = (name: string) => join(mirror.store, name);
  return {
    mirror,
    store: new FolderStore(mirror.store),
    args: [mirror.store],
    read: async (name) => await readFile(path(name)).catch(() => undefined),
    flip: async (name, at) => await writeFile(path(name), flipped(await readFile(path(name)), at)),
    forget: async () => await rm(join(mirror.work, SIGHTINGS), { force: true }),
    [Symbol.asyncDispose]: async () => await mirror[Symbol.asyncDispose](),
  };
}

/** `proxy` stands before the bucket, and counts; with `copies`, this machine keeps some. */
export async function attackedBucket(
  ceph: Ceph,
  version: number,
  { copies = false } = {},
): Promise<AttackedMirror & { readonly bucket: TestBucket; readonly proxy: FaultProxy }> {
  const mirror = await startMirror(version);
  const bucket = await newBucket(ceph);
  const proxy = await startFaultProxy(ceph.endpoint);
  const where = `s3://${bucket.name}`;
  const far = await openStore(where, { endpoint: proxy.url });
  return {
    mirror,
    bucket,
    proxy,
    store: copies ? new CachedStore(far, join(mirror.work, COPIES_FOLDER)) : far,
    args: [where, '--s3-endpoint', ceph.endpoint],
    read: async (name) => await bucket.get(name),
    flip: async (name, at) => await flipObject(bucket, name, at),
    forget: async () => await rm(join(mirror.work, SIGHTINGS), { force: true }),
    async [Symbol.asyncDispose]() {
      await proxy[Symbol.asyncDispose]();
      await mirror[Symbol.asyncDispose]();
    },
  };
}

/** Changes a bit of an object, and keeps all that is said of it. */
export async function flipObject(
  { client, name: Bucket }: TestBucket,
  Key: string,
  at: number,
): Promise<void> {
  const found = await client.send(new GetObjectCommand({ Bucket, Key }));
  const { ContentType, CacheControl, Metadata } = found;
  const bytes = Buffer.from((await found.Body?.transformToByteArray()) ?? []);
  const said = { ContentType, CacheControl, Metadata };
  await client.send(new PutObjectCommand({ Bucket, Key, Body: flipped(bytes, at), ...said }));
}

function flipped(bytes: Buffer, at: number): Buffer {
  bytes[at] = (bytes[at] ?? 0) ^ 0x20;
  return bytes;
}
