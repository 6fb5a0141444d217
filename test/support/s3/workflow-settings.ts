import type { RunOptions } from '../runner/run.ts';
import { CEPH_USER, type Ceph } from './ceph.ts';
import type { TestBucket } from './s3.ts';

/** Variables and secrets of a repository whose mirror of database `test` is a bucket that everybody may read. */
export function workflowSettings(
  ceph: Pick<Ceph, 'endpoint'>,
  bucket: Pick<TestBucket, 'name'>,
  upstream: { readonly url: string },
): Required<Pick<RunOptions, 'vars' | 'secrets'>> {
  return {
    vars: {
      CLAMAV_MIRROR_STORE: `s3://${bucket.name}`,
      CLAMAV_MIRROR_PUBLIC_URL: `${ceph.endpoint}/${bucket.name}`,
      CLAMAV_MIRROR_UPSTREAM: upstream.url,
      CLAMAV_MIRROR_DATABASES: 'test',
      CLAMAV_MIRROR_S3_ENDPOINT: ceph.endpoint,
    },
    secrets: {
      CLAMAV_MIRROR_ACCESS_KEY_ID: CEPH_USER.accessKeyId,
      CLAMAV_MIRROR_SECRET_ACCESS_KEY: CEPH_USER.secretAccessKey,
    },
  };
}
