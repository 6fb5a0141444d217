import { onTestFinished } from 'vitest';
import { s3Settings } from '../../../scripts/store/s3/address.ts';
import type { LeaseTimes } from '../../../scripts/store/s3/lease.ts';
import { S3Store } from '../../../scripts/store/s3/store.ts';
import type { Ceph } from '../../support/s3/ceph.ts';
import { newBucket, type TestBucket } from '../../support/s3/s3.ts';
import { type FaultProxy, startFaultProxy } from '../../support/web/fault-proxy.ts';
import { sha256 } from '../support.ts';

/** A lease that ends soon enough for a test. */
export const SHORT = { lease: 3000, settle: 300 } as const;
/** One that outlives any test. */
const LONG = { lease: 60_000, settle: 300 } as const;

export interface Proxied {
  readonly bucket: TestBucket;
  readonly proxy: FaultProxy;
  /** By way of the proxy. */
  readonly store: S3Store;
  /** Straight. */
  readonly direct: S3Store;
}

/** A new bucket behind a proxy. */
export async function proxied(ceph: Ceph, times: LeaseTimes = LONG): Promise<Proxied> {
  const bucket = await newBucket(ceph);
  const proxy = await startFaultProxy(ceph.endpoint);
  onTestFinished(() => proxy[Symbol.asyncDispose]());
  const open = (endpoint: string) => new S3Store(s3Settings(`s3://${bucket.name}`, { endpoint }), times);
  return { bucket, proxy, store: open(proxy.url), direct: open(ceph.endpoint) };
}

/** SHA-256 of what a bucket holds, by key; what every publication writes anew is left out. */
export async function treeOf(bucket: TestBucket): Promise<Record<string, string>> {
  const keys = (await bucket.keys()).filter((key) => !/^(manifest|proof)\.|^(timestamp|dns\.txt)$/.test(key));
  const entries = keys.map(async (key) => [key, sha256((await bucket.get(key)) ?? '')] as const);
  return Object.fromEntries(await Promise.all(entries));
}
