import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  CreateMultipartUploadCommand,
  GetBucketLifecycleConfigurationCommand,
  PutBucketLifecycleConfigurationCommand,
  PutBucketPolicyCommand,
} from '@aws-sdk/client-s3';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { openStore } from '../../../scripts/store/open.ts';
import type { Store } from '../../../scripts/store/store.ts';
import { MANIFEST } from '../../../scripts/store/store.ts';
import { runCli } from '../../support/mirror/cli.ts';
import { CEPH_ENVIRONMENT, cephAdmin } from '../../support/s3/ceph.ts';
import { describeWithCeph, newBucket, type TestBucket } from '../../support/s3/s3.ts';
import { startArchivingIn } from '../archiving.ts';
import { sha256, temporaryFolder } from '../support.ts';

/** What we tell people to use. */
const HOSTS = join(import.meta.dirname, '..', '..', '..', 'site', 'hosts', 's3');

describeWithCeph('a bucket of somebody else’s', (ceph) => {
  let bucket: TestBucket;
  let uid = '';
  beforeEach(async () => {
    bucket = await newBucket(ceph);
    uid = `user-${bucket.name}`;
    const keys = [`--access-key=${uid}`, `--secret-key=${uid}`];
    await cephAdmin(ceph, 'user', 'create', `--uid=${uid}`, '--display-name=x', ...keys);
    vi.stubEnv('AWS_ACCESS_KEY_ID', uid);
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', uid);
  });
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  /** Our policy for a publisher, without these actions. */
  const allow = async (...without: readonly string[]) => {
    const text = (await readFile(join(HOSTS, 'publisher-policy.json'), 'utf8')).replaceAll(
      'BUCKET',
      bucket.name,
    );
    const { Version, Statement } = JSON.parse(text);
    const Policy = JSON.stringify({
      Version,
      Statement: Statement.map((statement: { Action: string[] }) => ({
        ...statement,
        Action: statement.Action.filter((action) => !without.includes(action)),
        Principal: { AWS: [`arn:aws:iam:::user/${uid}`] },
      })),
    });
    await bucket.client.send(new PutBucketPolicyCommand({ Bucket: bucket.name, Policy }));
  };
  const open = async () => await openStore(`s3://${bucket.name}`, { endpoint: ceph.endpoint });
  /** A file that goes in parts. */
  const publishLarge = async (store: Store) => {
    const [path, bytes] = [join(temporaryFolder(), 'large'), Buffer.alloc(10_000_000, 'proven')];
    await writeFile(path, bytes);
    await using publication = await store.begin((await store.readManifest())?.tag);
    await publication.put('other.cvd', path, { sha256: sha256(bytes) });
    await publication.commit('{}');
  };

  test('takes publications from who may do what our policy says', async () => {
    await allow();
    const store = await open();
    await publishLarge(store);
    await bucket.remove(MANIFEST);
    const mirror = startArchivingIn(store);
    for (const version of [3, 4, 5]) await mirror.publish(version, { keep: 1 });
    expect(await bucket.keys()).toEqual(
      expect.arrayContaining(['archive/test-4.cvd', MANIFEST, 'other.cvd', 'test.cvd']),
    );
    expect(await bucket.keys('archive/')).toHaveLength(1);
  });

  // who wrote an object may read it here, without s3:GetObject
  test.each(['s3:PutObject', 's3:DeleteObject', 's3:ListBucket'])(
    'refuses who lacks %s, which the error names',
    async (action) => {
      await allow(action);
      await expect(publishLarge(await open())).rejects.toMatchObject({
        code: 'store/denied',
        advice: expect.stringContaining(action),
      });
      expect(await bucket.keys()).not.toContain('other.cvd');
    },
  );

  test('is described by status to who may only read it', async () => {
    await allow();
    await startArchivingIn(await open()).publish(3);
    await allow('s3:PutObject', 's3:DeleteObject');
    const environment = { ...CEPH_ENVIRONMENT, AWS_ACCESS_KEY_ID: uid, AWS_SECRET_ACCESS_KEY: uid };
    const args = ['status', '--store', `s3://${bucket.name}`, '--s3-endpoint', ceph.endpoint];
    const shown = await runCli(args, { environment });
    expect(shown).toMatchObject({
      exitCode: 0,
      stdout: expect.stringMatching(/version 3[^\0]*could not be tried/),
    });
  });

  test('takes our rule for uploads that were never completed', async () => {
    const { client, name: Bucket } = bucket;
    await client.send(new CreateMultipartUploadCommand({ Bucket, Key: 'test.cvd' }));
    const LifecycleConfiguration = JSON.parse(await readFile(join(HOSTS, 'lifecycle.json'), 'utf8'));
    await client.send(new PutBucketLifecycleConfigurationCommand({ Bucket, LifecycleConfiguration }));
    const { Rules } = await client.send(new GetBucketLifecycleConfigurationCommand({ Bucket }));
    expect(Rules).toMatchObject([{ AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 } }]);
  });
});
