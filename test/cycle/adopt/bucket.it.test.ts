import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { parseManifest } from '../../../scripts/mirror/manifest.ts';
import { runCli } from '../../support/mirror/cli.ts';
import { describeMirror, sha256, startMirror } from '../../support/mirror/cycle.ts';
import { CEPH_ENVIRONMENT } from '../../support/s3/ceph.ts';
import { describeWithCeph, newBucket } from '../../support/s3/s3.ts';
import { official } from '../../support/setup/official.ts';
import { folderAt } from './folder.ts';

describeMirror('a bucket', () => {
  describeWithCeph('that is empty', (ceph) => {
    test('is seeded from a folder, and no whole CVD is taken from upstream', async () => {
      await using mirror = await startMirror(6);
      const bucket = await newBucket(ceph);
      const given = await folderAt(mirror, 5);
      const store = { store: `s3://${bucket.name}/clamav`, 's3-endpoint': ceph.endpoint };
      const args = ['sync', ...mirror.flags({ ...store, adopt: given }), '--json'];
      const run = await runCli(args, { environment: CEPH_ENVIRONMENT });
      expect(run.exitCode).toBe(0);
      expect(run.json()).toMatchObject({ databases: { test: { outcome: 'published', from: null, to: 6 } } });
      expect(mirror.upstream.sent('test.cvd')).toBe(522);
      const cvd = await bucket.get('clamav/test.cvd');
      expect(sha256(cvd ?? Buffer.alloc(0))).toBe(sha256(await readFile(official('test-6.cvd'))));
      const manifest = parseManifest(String(await bucket.get('clamav/manifest.json')), store.store);
      expect(manifest.databases.test?.cdiffs).toEqual({ first: 2, last: 6 });
      expect(await bucket.keys('clamav/archive/')).toEqual(['clamav/archive/test-5.cvd']);

      const verified = await runCli(['verify', store.store, '--s3-endpoint', ceph.endpoint], {
        environment: CEPH_ENVIRONMENT,
      });
      expect(verified.exitCode).toBe(0);
    });
  });
});
