import { randomUUID } from 'node:crypto';
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  PutBucketPolicyCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { describe, inject } from 'vitest';
import { describeWith } from '../setup/official.ts';
import { CEPH_ENVIRONMENT, CEPH_USER, type Ceph } from './ceph.ts';

const cephs = inject('cephs');

/**
 * Like `describe`, once for each Ceph that runs, and skipped, loudly and counted, where none can be had. The body runs in
 * any case, to collect the tests.
 */
export function describeWithCeph(name: string, body: (ceph: Ceph) => void): void {
  const none: Ceph = { version: 20, endpoint: '', tree: '', folder: '' };
  if ('missing' in cephs) describeWith(cephs)(name, () => body(none));
  else for (const ceph of cephs.have) describe(`${name} by Ceph ${ceph.version}`, () => body(ceph));
}

/** A new bucket, looked at from outside: not by the code under test. */
export interface TestBucket {
  readonly name: string;
  readonly client: S3Client;
  get(key: string): Promise<Buffer | undefined>;
  plant(key: string, body: string | Uint8Array): Promise<void>;
  remove(key: string): Promise<void>;
  /** Every key with this prefix, sorted. */
  keys(prefix?: string): Promise<string[]>;
  /** Uploads in parts that are neither completed nor aborted. */
  uploads(): Promise<number>;
  /** Sets the statements of its policy. */
  allow(statements: readonly object[]): Promise<void>;
  /** Lets everybody do everything, without a signature. */
  openToAll(): Promise<void>;
}

export async function newBucket({ endpoint }: Ceph, name = `mirror-${randomUUID()}`): Promise<TestBucket> {
  Object.assign(process.env, CEPH_ENVIRONMENT);
  const credentials = CEPH_USER;
  const client = new S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true, credentials });
  await client.send(new CreateBucketCommand({ Bucket: name }));
  const Bucket = name;
  const allow = async (Statement: readonly object[]) => {
    const Policy = JSON.stringify({ Version: '2012-10-17', Statement });
    await client.send(new PutBucketPolicyCommand({ Bucket, Policy }));
  };
  return {
    name,
    client,
    async get(Key) {
      const found = await client.send(new GetObjectCommand({ Bucket, Key })).catch((error) => {
        if (error.name !== 'NoSuchKey') throw error;
      });
      return found?.Body === undefined ? undefined : Buffer.from(await found.Body.transformToByteArray());
    },
    async plant(Key, Body) {
      await client.send(new PutObjectCommand({ Bucket, Key, Body }));
    },
    async remove(Key) {
      await client.send(new DeleteObjectCommand({ Bucket, Key }));
    },
    async keys(Prefix = '') {
      const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket, Prefix }));
      return Contents.map(({ Key = '' }) => Key).sort();
    },
    async openToAll() {
      const Resource = [`arn:aws:s3:::${name}`, `arn:aws:s3:::${name}/*`];
      await allow([{ Effect: 'Allow', Principal: '*', Action: 's3:*', Resource }]);
    },
    allow,
    async uploads() {
      return (await client.send(new ListMultipartUploadsCommand({ Bucket }))).Uploads?.length ?? 0;
    },
  };
}
