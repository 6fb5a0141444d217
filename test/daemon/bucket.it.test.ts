import { expect, test } from 'vitest';
import { describeMirror, startMirror } from '../support/mirror/cycle.ts';
import { CEPH_ENVIRONMENT } from '../support/s3/ceph.ts';
import { describeWithCeph, newBucket } from '../support/s3/s3.ts';
import { startRun } from './running.ts';

describeMirror('a mirror in a bucket', () => {
  describeWithCeph('that one process keeps', (ceph) => {
    test('is published and watched, and served by nobody but the bucket', async () => {
      const bucket = await newBucket(ceph);
      await using mirror = await startMirror(6);
      const flags = mirror.flags({ store: `s3://${bucket.name}/clamav`, 's3-endpoint': ceph.endpoint });
      await using run = await startRun(flags, { environment: CEPH_ENVIRONMENT });
      expect(run.events[0]).toMatchObject({ event: 'start', url: null, store: `s3://${bucket.name}/clamav` });
      expect(await run.next('cycle-end')).toMatchObject({ outcome: 'published' });
      expect((await run.ask('/readyz')).status).toBe(200);
      expect((await run.ask('/metrics')).text).toContain(
        'clamav_mirror_database_version{database="test"} 6\n',
      );
      expect(await bucket.keys('clamav/')).toContain('clamav/test.cvd');
      expect(await run.end('SIGTERM')).toEqual({ exitCode: 0, stderr: '' });
    });
  });
});
