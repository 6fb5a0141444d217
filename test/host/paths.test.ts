import { execFileSync } from 'node:child_process';
import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ask, cvd, raw, type Served, serve } from './support.ts';

/** Sends the target exactly as it is written; an HTTP client would tidy it. */
async function statusOf(served: Served, target: string): Promise<string> {
  const answer = await raw(served.host, `GET ${target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
  return answer.slice('HTTP/1.1 '.length).slice(0, 3);
}

test.each([
  '/../secret',
  '/../published/daily.cvd',
  '/archive/../daily.cvd',
  '/archive/../../secret',
  '/./daily.cvd',
  '/%2e%2e/secret',
  '/%2E%2E%2Fsecret',
  '/..%2fsecret',
  '/.%2e/secret',
  '/%252e%252e/secret',
  '/%c0%ae%c0%ae/secret',
  '/..\\secret',
  '/\\..\\secret',
  '/..%5csecret',
  '/archive\\old.cvd',
  '/daily.cvd%00',
  '/daily.cvd%00.html',
  '/%00',
  '/daily.cvd\0',
  '/%',
  '/%zz',
  '/%64aily.cvd',
  '/.hidden',
  '/.clamav-mirror/lock',
  '/archive/.hidden',
  '/changes/.hidden',
  '/changes/../secret',
  '/..',
  '/.',
  '/~',
  '/daily.cvd~',
  '/daily.cvd.tmp',
  '/daily.cvd.PART',
  '/archive',
  '/archive/',
  '/archive//old.cvd',
  '/sub',
  '/sub/',
  '/sub/file.cvd',
  '/archive/sub/file.cvd',
  '/daily.cvd/',
  '/daily.cvd/.',
  '/none/none/none',
  '//etc/passwd',
  '/etc/passwd',
  '/-rf',
  '/a b',
  '/daily.cvd\t',
  '/d\xe4ily.cvd',
  '/daily.cvd#top',
  '/*',
  '*',
  'daily.cvd',
  'http://a',
  'http://a/../secret',
])('%j is 404, never 403 and never 400', async (target) => {
  await using served = await serve({
    'daily.cvd': cvd(),
    'daily.cvd~': '',
    'daily.cvd.tmp': '',
    'daily.cvd.PART': '',
    'archive/old.cvd': cvd(),
    '.hidden': '',
    'archive/.hidden': '',
    '-rf': '',
  });
  await mkdir(join(served.folder, 'sub'));
  await mkdir(join(served.folder, 'archive/sub'));
  await mkdir(join(served.folder, '.clamav-mirror'));
  for (const name of ['sub/file.cvd', 'archive/sub/file.cvd', '.clamav-mirror/lock', '../secret']) {
    await writeFile(join(served.folder, name), 'secret');
  }
  expect(await statusOf(served, target)).toBe('404');
});

test.each([300, 3000, 20_000])('a URL of %i characters is 404, with a query as without', async (length) => {
  await using served = await serve({ 'daily.cvd': cvd() });
  expect(await statusOf(served, '/'.padEnd(length, 'a'))).toBe('404');
  expect(await statusOf(served, '/daily.cvd?'.padEnd(length, 'a'))).toBe(length === 300 ? '200' : '404');
});

test.each([
  '/daily.cvd',
  '/daily.cvd?version=27999',
  '/daily.cvd?../../secret',
  '//daily.cvd',
  '/archive/old.cvd',
  '/changes/daily-28101.json',
  'http://mirror.example:8080/daily.cvd',
])('%j is a file', async (target) => {
  await using served = await serve({
    'daily.cvd': cvd(),
    'archive/old.cvd': cvd(),
    'changes/daily-28101.json': Buffer.from('{}'),
  });
  expect(await statusOf(served, target)).toBe('200');
});

test('symbolic links are not followed, wherever they lead', async () => {
  await using served = await serve({ 'daily.cvd': cvd() });
  await writeFile(join(served.outside, 'secret'), 'secret');
  await symlink(join(served.outside, 'secret'), join(served.folder, 'absolute.cvd'));
  await symlink('../secret', join(served.folder, 'relative.cvd'));
  await symlink('daily.cvd', join(served.folder, 'inside.cvd'));
  await symlink('nowhere', join(served.folder, 'dangling.cvd'));
  await symlink('loop.cvd', join(served.folder, 'loop.cvd'));
  for (const name of ['absolute', 'relative', 'inside', 'dangling', 'loop']) {
    expect((await ask(served.host, `/${name}.cvd`)).status).toBe(404);
  }
});

test('an archive that is a link out of the folder is not there', async () => {
  await using inner = await serve({ 'daily.cvd': cvd() });
  await using served = await serve();
  execFileSync('rm', ['-r', join(served.folder, 'archive')]);
  await symlink(inner.folder, join(served.folder, 'archive'));
  expect((await ask(served.host, '/archive/daily.cvd')).status).toBe(404);
});

test('the served folder itself may be a link', async () => {
  await using inner = await serve({ 'daily.cvd': cvd() });
  const link = join(inner.outside, 'current');
  await symlink(inner.folder, link);
  await using served = await serve({}, { folder: link });
  expect((await ask(served.host, '/daily.cvd')).status).toBe(200);
});

test('a fifo and a socket are 404, and block nothing', async () => {
  await using served = await serve({ 'daily.cvd': cvd() });
  execFileSync('mkfifo', [join(served.folder, 'fifo.cvd')]);
  const server = createServer().listen(join(served.folder, 'socket.cvd'));
  await new Promise((resolve) => server.once('listening', resolve));
  const fifos = Array.from({ length: 8 }, () => ask(served.host, '/fifo.cvd'));
  for (const { status } of await Promise.all(fifos)) expect(status).toBe(404);
  expect((await ask(served.host, '/socket.cvd')).status).toBe(404);
  expect((await ask(served.host, '/daily.cvd')).status).toBe(200);
  server.close();
});

test('a file without permission to read is 503: it is there, so it is not missing', async () => {
  await using served = await serve({ 'daily.cvd': cvd(), 'dns.txt': 'text' });
  await chmod(join(served.folder, 'daily.cvd'), 0);
  await asNobody(served, async () => {
    const { status, headers } = await ask(served.host, '/daily.cvd');
    expect(status).toBe(503);
    expect(headers['cache-control']).toBe('no-store');
    expect((await ask(served.host, '/dns.txt')).status).toBe(200);
  });
});

test.skipIf(process.platform !== 'linux')('a read error is 503', async () => {
  await using served = await serve({}, { folder: '/proc/self' });
  const { status, headers } = await ask(served.host, '/mem');
  expect(status).toBe(503);
  expect(headers.etag).toBeUndefined();
});

/** Permissions mean nothing to root, so a test run by root steps down for a moment. */
async function asNobody(served: Served, action: () => Promise<void>): Promise<void> {
  await chmod(served.outside, 0o755);
  const root = process.geteuid?.() === 0;
  if (root) process.seteuid?.(65_534);
  try {
    await action();
  } finally {
    if (root) process.seteuid?.(0);
  }
}
