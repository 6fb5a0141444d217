import { expect, test } from 'vitest';
import { PROBE_SIZE } from '../../scripts/upstream/http-client.ts';
import { startUpstream } from '../support/mirror/upstream.ts';
import { openClient, pattern, USER_AGENT } from './support.ts';

const CVD = pattern(32 * 1024 * 1024);

test('a probe takes no more than the header and the gzip header behind it', async () => {
  await using upstream = await startUpstream(new Map([['daily.cvd', CVD]]));
  await using open = openClient(upstream.url);
  const probe = await open.client.probe('daily.cvd');
  expect(probe.equals(CVD.subarray(0, PROBE_SIZE))).toBe(true);
  expect(upstream.requests).toMatchObject([{ range: 'bytes=0-521', status: 206, userAgent: USER_AGENT }]);
  expect(open.client.received).toBe(522);
  expect(upstream.sent()).toBe(522);
});

test('a probe hangs up on a host that knows no Range, instead of taking the whole database', async () => {
  await using upstream = await startUpstream(new Map([['daily.cvd', CVD]]));
  upstream.fail('daily.cvd', { ignoreRange: true });
  await using open = openClient(upstream.url);
  const probe = await open.client.probe('daily.cvd');
  expect(probe.equals(CVD.subarray(0, PROBE_SIZE))).toBe(true);
  expect(upstream.requests).toMatchObject([{ status: 200 }]);
  expect(open.client.received).toBeLessThan(1024 * 1024);
  expect(upstream.sent()).toBeLessThan(CVD.length / 2);
});

test('a probe of a file that is shorter gives what there is', async () => {
  await using upstream = await startUpstream(new Map([['daily.cvd', Buffer.from('short')]]));
  await using open = openClient(upstream.url);
  expect((await open.client.probe('daily.cvd')).toString()).toBe('short');
});

test('a probe that comes back shorter than it says is asked again, and is then incomplete', async () => {
  await using upstream = await startUpstream(new Map([['daily.cvd', CVD]]));
  upstream.fail('daily.cvd', { times: 1, rangeLimit: 100 });
  await using open = openClient(upstream.url);
  expect(await open.client.probe('daily.cvd')).toHaveLength(PROBE_SIZE);
  upstream.fail('daily.cvd', { rangeLimit: 100 });
  await expect(open.client.probe('daily.cvd')).rejects.toMatchObject({ code: 'upstream/incomplete' });
});
