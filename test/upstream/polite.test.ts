import { once } from 'node:events';
import { createServer } from 'node:http';
import { expect, onTestFinished, test } from 'vitest';
import { State } from '../../scripts/cycle/memory/state.ts';
import { startUpstream } from '../support/mirror/upstream.ts';
import { openClient, probed, temporaryFolder } from './support.ts';

const FILES = new Map([
  ['daily.cvd', Buffer.alloc(1000, 'cvd')],
  ['daily-2.cdiff', Buffer.alloc(1000, 'cdiff')],
]);
const COOL_DOWN = { code: 'upstream/cool-down' };

test('defect 6: after a 429 on a CDIFF the CVD is not requested', async () => {
  await using upstream = await startUpstream(FILES);
  upstream.fail('daily-2.cdiff', { status: 429 });
  await using open = openClient(upstream.url);
  await using folder = await temporaryFolder();
  const download = (name: string) => open.client.download(name, folder.path(name), 10_000);
  await expect(download('daily-2.cdiff')).rejects.toMatchObject(COOL_DOWN);
  await expect(download('daily.cvd')).rejects.toMatchObject(COOL_DOWN);
  await expect(open.client.probe('daily.cvd')).rejects.toMatchObject(COOL_DOWN);
  expect(upstream.asked).toEqual(['daily-2.cdiff']);
});

test('a cool-down that begins while a transfer is under way ends it before its next attempt', async () => {
  const [asked, begun] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const names: (string | undefined)[] = [];
  const server = createServer(async ({ url }, response) => {
    names.push(url);
    if (url === '/daily.cvd') {
      asked.resolve();
      await begun.promise;
    }
    const statuses: Record<string, number> = { '/main.cvd': 200, '/daily.cvd': 503 };
    response.writeHead(statuses[url ?? ''] ?? 429).end();
  }).listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  const patience = { idle: 60_000, file: 60_000 };
  await using open = openClient(`http://127.0.0.1:${Object(server.address()).port}`, { patience });
  await using folder = await temporaryFolder();
  const download = (name: string) => open.client.download(name, folder.path(name), 10_000);
  await download('main.cvd'); // upstream lets us in: from now on, several are asked for at once
  const transfer = download('daily.cvd').catch((error) => error);
  await asked.promise;
  await expect(download('daily-2.cdiff')).rejects.toMatchObject(COOL_DOWN);
  begun.resolve();
  expect(await transfer).toMatchObject(COOL_DOWN);
  expect(names).toEqual(['/main.cvd', '/daily.cvd', '/daily-2.cdiff']);
});

test('defect 4: a cool-down outlives the process, and a network exception loses nothing of it', async () => {
  await using upstream = await startUpstream(FILES);
  await using folder = await temporaryFolder();
  const lost = { cutAfter: 'head', times: 3 } as const;
  /** What one process does at this time of the day: all that it knows of the last one is on disk. */
  const run = async (time: string) => {
    const state = await State.load(folder.path('work'));
    const coolDown = state.coolDownOf(upstream.url);
    const now = () => new Date(`2026-06-01T${time}Z`);
    await using open = openClient(upstream.url, { userAgent: state.uuid, coolDown, now });
    return await probed(open.client);
  };
  upstream.fail('daily.cvd', lost, { status: 429, retryAfter: '3600' });
  expect(await run('11:59:00')).toBe('upstream/unreachable');
  expect(await run('12:00:00')).toBe('upstream/cool-down');
  upstream.forget();
  upstream.fail('daily.cvd', lost);
  expect(await run('12:59:59')).toBe('upstream/cool-down');
  expect(upstream.requests).toEqual([]);
  expect(await run('13:00:01')).toBe('upstream/unreachable');
  expect(await run('13:00:02')).toBe('probed');
  expect(new Set(upstream.requests.map(({ userAgent }) => userAgent)).size).toBe(1);
});

test('one upstream left alone does not keep another from being asked', async () => {
  await using strict = await startUpstream(FILES);
  await using generous = await startUpstream(FILES);
  await using folder = await temporaryFolder();
  strict.fail('*', { status: 403 });
  const state = await State.load(folder.path('work'));
  await using one = openClient(strict.url, { coolDown: state.coolDownOf(strict.url) });
  await using other = openClient(generous.url, { coolDown: state.coolDownOf(generous.url) });
  expect(await probed(one.client)).toBe('upstream/cool-down');
  expect(await probed(other.client)).toBe('probed');
});

test('clients of one upstream count for themselves and share the cool-down', async () => {
  await using upstream = await startUpstream(FILES);
  await using open = openClient(upstream.url);
  const counts: number[] = [];
  const other = open.another((received) => counts.push(received));
  await other.probe('daily.cvd');
  expect(other.received).toBe(522);
  expect(counts.at(-1)).toBe(522);
  expect(open.client.received).toBe(0);
  upstream.fail('*', { status: 429 });
  expect(await probed(other)).toBe('upstream/cool-down');
  upstream.forget();
  expect(await probed(open.client)).toBe('upstream/cool-down');
  expect(upstream.requests).toEqual([]);
});
