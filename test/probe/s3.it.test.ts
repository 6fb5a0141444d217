import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DeleteBucketPolicyCommand, PutBucketPolicyCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { s3Settings } from '../../scripts/store/s3/address.ts';
import { S3Store } from '../../scripts/store/s3/store.ts';
import { trusting } from '../support/clamav/engines.ts';
import { runCli } from '../support/mirror/cli.ts';
import { describeMirror, startMirror, type TestMirror } from '../support/mirror/cycle.ts';
import { REPOSITORY } from '../support/repository.ts';
import { describeWithCeph, newBucket, type TestBucket } from '../support/s3/s3.ts';
import { faults, finding, probe, problems, problemsOfUnsigned } from './support.ts';

describeMirror('a bucket', () => {
  describeWithCeph('that sync published to', (ceph) => {
    let mirror: TestMirror;
    let bucket: TestBucket;
    let url = '';
    beforeAll(async () => {
      mirror = await startMirror();
      bucket = await newBucket(ceph);
      url = `${ceph.endpoint}/${bucket.name}/clamav`;
      const store = new S3Store(s3Settings(`s3://${bucket.name}/clamav`, { endpoint: ceph.endpoint }));
      await mirror.sync({ store, openProver: async () => trusting });
    });
    afterAll(async () => await mirror[Symbol.asyncDispose]());

    test('is fit for clients with our policy for everybody: every byte, and real freshclam', async () => {
      await allow(bucket, ['s3:GetObject', 's3:ListBucket']);
      const report = await probe(url, { full: true, client: process.env.PATH ?? '' });
      expect(report).toMatchObject({ verdict: 'good', databases: { test: 6 } });
      expect(problems(report)).toEqual([
        'if-range: warning', // which Ceph does not know
        ...(await problemsOfUnsigned({ client: true })),
      ]);
    });

    test('that nobody may list answers 403 for what is missing, and the probe says what to grant', async () => {
      await allow(bucket, ['s3:GetObject']);
      const report = await probe(url);
      expect(faults(report)).toEqual(['missing files', '.sign files']);
      expect(finding(report, 'missing files')).toMatchObject({
        what: expect.stringMatching(/^403 for test\.cld, test-\d+\.cdiff, test-\d+\.cdiff\.sign/),
        advice: expect.stringContaining('s3:ListBucket'),
      });
      const { exitCode, stdout } = await runCli(['probe', url, '--dns', 'off']);
      expect(exitCode).toBe(1);
      expect(stdout).toContain('s3:ListBucket');
    });

    test('that is private is named as such', async () => {
      await allow(bucket, []);
      const report = await probe(url, { databases: ['test'] });
      expect(report.verdict).toBe('failed');
      expect(report.findings.find(({ verdict }) => verdict === 'fault')?.what).toMatch(/^403 for test\.cvd/);
      expect((await runCli(['probe', url, '--dns', 'off'])).exitCode).toBe(1);
    });
  });
});

/** Of our policy for everybody, the statements that allow one of these actions. */
async function allow({ client, name }: TestBucket, actions: readonly string[]): Promise<void> {
  const path = join(REPOSITORY, 'site', 'hosts', 's3-cloudfront', 'public-bucket-policy.json');
  const policy = JSON.parse((await readFile(path, 'utf8')).replaceAll('BUCKET', name));
  const Statement = policy.Statement.filter(({ Action }: { Action: string }) => actions.includes(Action));
  if (Statement.length === 0) {
    await client.send(new DeleteBucketPolicyCommand({ Bucket: name }));
    return;
  }
  await client.send(
    new PutBucketPolicyCommand({ Bucket: name, Policy: JSON.stringify({ ...policy, Statement }) }),
  );
}
