import { randomUUID } from 'node:crypto';
import { CreateBucketCommand, PutBucketPolicyCommand, S3Client } from '@aws-sdk/client-s3';
import { s3Settings } from '../../scripts/store/s3/address.ts';
import { S3Store } from '../../scripts/store/s3/store.ts';
import { CEPH_ENVIRONMENT, CEPH_USER, type Ceph } from '../support/s3/ceph.ts';

/** A bucket that clients read directly, and its store. */
export interface PublicBucket {
  readonly store: S3Store;
  /** For a `DatabaseMirror` line. */
  readonly url: string;
}

/** A new bucket that everybody may read and list: a reader who may not list it gets 403 for what is missing. */
export async function publicBucket({ endpoint }: Ceph): Promise<PublicBucket> {
  Object.assign(process.env, CEPH_ENVIRONMENT);
  const Bucket = `soak-${randomUUID()}`;
  const credentials = CEPH_USER;
  const client = new S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true, credentials });
  await client.send(new CreateBucketCommand({ Bucket }));
  const [bucket, objects] = [`arn:aws:s3:::${Bucket}`, `arn:aws:s3:::${Bucket}/*`];
  const Statement = [
    { Effect: 'Allow', Principal: '*', Action: 's3:GetObject', Resource: objects },
    { Effect: 'Allow', Principal: '*', Action: 's3:ListBucket', Resource: bucket },
  ];
  const Policy = JSON.stringify({ Version: '2012-10-17', Statement });
  await client.send(new PutBucketPolicyCommand({ Bucket, Policy }));
  return { store: new S3Store(s3Settings(`s3://${Bucket}`, { endpoint })), url: `${endpoint}/${Bucket}` };
}
