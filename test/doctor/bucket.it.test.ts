import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PutBucketPolicyCommand } from '@aws-sdk/client-s3';
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { CEPH_ENVIRONMENT, cephAdmin } from '../support/s3/ceph.ts';
import { describeWithCeph, newBucket, type TestBucket } from '../support/s3/s3.ts';
import { startFaultProxy } from '../support/web/fault-proxy.ts';
import { fault, findings, lineOf, SKIPPED, WELL } from './support.ts';

const CHECKS = ['bucket', 'conditions'] as const;
const POLICY = join(import.meta.dirname, '..', '..', 'site', 'hosts', 's3', 'publisher-policy.json');

describeWithCeph('a bucket', (ceph) => {
  let bucket: TestBucket;
  beforeEach(async () => {
    bucket = await newBucket(ceph);
  });
  afterEach(() => void vi.unstubAllEnvs());
  const flagsOf = (endpoint = ceph.endpoint) => ({
    store: `s3://${bucket.name}/clamav`,
    's3-endpoint': endpoint,
    's3-region': 'us-east-1',
  });
  const look = async (endpoint?: string) => await findings(CHECKS, { flags: flagsOf(endpoint) });
  /** A proxy before it. */
  const proxied = async () => {
    const proxy = await startFaultProxy(ceph.endpoint);
    onTestFinished(() => proxy[Symbol.asyncDispose]());
    return proxy;
  };

  test('has all rights, and keeps conditions; nothing stays in it', async () => {
    await bucket.plant('clamav/mine', 'mine');
    expect(await look()).toEqual([
      expect.objectContaining({
        ok: true,
        found: expect.stringMatching(/list, delete, put, get, multipart/),
      }),
      expect.objectContaining({ ok: true, found: expect.stringContaining('It keeps conditions') }),
    ]);
    expect(await bucket.keys()).toEqual(['clamav/mine']);
    expect(await bucket.uploads()).toBe(0);
  });

  test('that ignores conditions is told of with what to do, and no fault', async () => {
    const proxy = await proxied();
    await bucket.openToAll(); // a signature covers the conditions, so it goes with them
    for (const header of ['if-match', 'if-none-match', 'authorization']) proxy.strip.add(header);
    expect(await look(proxy.url)).toEqual([
      WELL,
      expect.objectContaining({
        ok: true,
        found: expect.stringContaining('No If-None-Match'),
        advice: expect.stringContaining('only one machine'),
      }),
    ]);
    expect(await bucket.keys()).toEqual([]);
  });

  test('that is reached by way of something that takes conditions away is a fault', async () => {
    const proxy = await proxied();
    for (const header of ['if-match', 'if-none-match']) proxy.strip.add(header);
    expect(await look(proxy.url)).toEqual([WELL, fault(/cannot write/, /./)]);
    expect(await bucket.keys()).toEqual([]);
  });

  test('before which something changes what is read', async () => {
    const proxy = await proxied();
    proxy.fault = ({ line }) =>
      line.startsWith('GET') && line.includes('/trial/') ? { body: () => Buffer.from('x') } : undefined;
    expect((await look(proxy.url))[1]).toEqual(fault(/another content/, /proxy or gateway/));
  });

  test('of which the options ask what it does not have', async () => {
    const flags = { ...flagsOf(), 's3-storage-class': 'NONSENSE' };
    expect((await findings(CHECKS, { flags }))[0]).toEqual(fault(/cannot write/, /--s3-storage-class/));
    expect(await bucket.keys()).toEqual([]);
  });

  test('that lets no upload be ended is left without one', async () => {
    const proxy = await proxied();
    proxy.fault = ({ line }) =>
      line.startsWith('DELETE') && line.includes('uploadId=')
        ? { status: 403, code: 'AccessDenied' }
        : undefined;
    expect((await look(proxy.url))[0]).toEqual(fault(/no right to multipart$/, /s3:AbortMultipartUpload/));
    expect(await bucket.uploads()).toBe(0);
  });

  test('without credentials', async () => {
    const environment = { AWS_EC2_METADATA_DISABLED: 'true', HOME: '/nowhere' };
    expect(await lineOf('bucket', flagsOf(), { environment })).toEqual(
      fault(/CredentialsProviderError/, /AWS_ACCESS_KEY_ID.*CLAMAV_MIRROR_ACCESS_KEY_ID/),
    );
  });

  test('with a wrong key', async () => {
    const environment = { ...CEPH_ENVIRONMENT, AWS_SECRET_ACCESS_KEY: 'wrong' };
    expect(await lineOf('bucket', flagsOf(), { environment })).toEqual(
      fault(/SignatureDoesNotMatch/, /AWS_ACCESS_KEY_ID/),
    );
  });

  test('that is not there', async () => {
    const missing = { ...flagsOf(), store: 's3://nobody-has-this-bucket' };
    expect(await findings(CHECKS, { flags: missing })).toEqual([
      fault(/NoSuchBucket/, /aws s3 mb s3:\/\/nobody-has-this-bucket --endpoint-url/),
      SKIPPED,
    ]);
  });

  test('at an endpoint where nobody listens', async () => {
    expect(await look('http://127.0.0.1:9')).toEqual([fault(/ECONNREFUSED/, /endpoint/), SKIPPED]);
  });

  describe('of somebody else’s', () => {
    beforeEach(async () => {
      const uid = `user-${bucket.name}`;
      const keys = [`--access-key=${uid}`, `--secret-key=${uid}`];
      await cephAdmin(ceph, 'user', 'create', `--uid=${uid}`, '--display-name=x', ...keys);
      vi.stubEnv('AWS_ACCESS_KEY_ID', uid);
      vi.stubEnv('AWS_SECRET_ACCESS_KEY', uid);
    });

    /** Our policy for a publisher, without these actions. */
    const allow = async (...without: readonly string[]) => {
      const text = (await readFile(POLICY, 'utf8')).replaceAll('BUCKET', bucket.name);
      const { Version, Statement } = JSON.parse(text);
      const left = Statement.map((statement: { Action: string[] }) => ({
        ...statement,
        Action: statement.Action.filter((action) => !without.includes(action)),
        Principal: { AWS: [`arn:aws:iam:::user/user-${bucket.name}`] },
      })).filter(({ Action }: { Action: string[] }) => Action.length > 0);
      const Policy = JSON.stringify({ Version, Statement: left });
      await bucket.client.send(new PutBucketPolicyCommand({ Bucket: bucket.name, Policy }));
    };

    test('gives what our policy grants', async () => {
      await allow();
      expect(await look()).toEqual([WELL, WELL]);
    });

    // who wrote an object may read it here, and end an upload, without the right
    test.each([
      ['s3:PutObject', /no right to put$/],
      ['s3:DeleteObject', /no right to delete;/],
      ['s3:ListBucket', /no right to list$/],
    ])('lacks %s', async (right, found) => {
      await allow(right);
      expect((await look())[0]).toEqual(fault(found, new RegExp(`Grant ${right}.*publisher-policy\\.json`)));
      expect(await bucket.keys()).toEqual([]);
    });

    test('lacks several rights, and all of them are named', async () => {
      await allow('s3:ListBucket', 's3:PutObject');
      expect((await look())[0]).toEqual(
        fault(/no right to list, put$/, /^Grant s3:ListBucket, s3:PutObject:/),
      );
    });
  });
});
