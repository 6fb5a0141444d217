import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer as createTlsServer } from 'node:https';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { offered } from '../support/mirror/cycle.ts';
import { type Fault, startUpstream, type TestUpstream } from '../support/mirror/upstream.ts';
import { describeWithOfficial, official } from '../support/setup/official.ts';
import { describeWithOpenssl } from '../support/sign/openssl.ts';
import { faults, finding, NOBODY, probe as patientProbe } from './support.ts';

/** With little patience for what stands still. */
const probe: typeof patientProbe = (url, change) => {
  const patience = { connect: 5000, idle: 2000, answer: 3000, file: 20_000 };
  return patientProbe(url, { patience, ...change });
};

describeWithOfficial('probe neither hangs nor crashes on, and names the fault of,', () => {
  /** A mirror of database `test` in which one file misbehaves. */
  async function broken(name: string, fault: Fault): Promise<TestUpstream> {
    const upstream = await startUpstream(offered(6));
    upstream.fail(name, fault);
    return upstream;
  }
  const ofTest = { databases: ['test'] };

  test.for<[string, Fault, string[]]>([
    ['a page with status 200', { page: '<!doctype html><title>hello</title>' }, ['signature']],
    ['a body that is cut', { cutAfter: 300 }, ['signature']],
    ['a body that stalls', { stallAfter: 300 }, ['signature']],
    ['a head that never comes', { stallAfter: 'head' }, ['signature']],
    ['a connection closed without an answer', { cutAfter: 'head' }, ['signature']],
    ['a redirect loop', { redirect: '/test.cvd' }, ['signature']],
    ['a redirect to no URL', { redirect: 'ftp://127.0.0.1/' }, ['signature']],
    ['a body without an end', { endless: true }, ['signature']],
    ['403', { status: 403 }, ['signature']],
    ['500', { status: 500 }, ['signature']],
    ['Content-Encoding', { gzip: true }, ['signature']],
    ['a Content-Range of another place', { contentRange: 'bytes 0-511/99' }, ['range']],
    ['a Content-Range that is none', { contentRange: 'bytes all of them' }, ['range']],
  ])('%s', async ([, fault, expected]) => {
    await using upstream = await broken('test.cvd', fault);
    const report = await probe(upstream.url, ofTest);
    expect(report.verdict).toBe('failed');
    expect(faults(report)).toEqual(expect.arrayContaining(expected));
    expect(report.bytes).toBeLessThan(3_000_000);
  });

  test('a host that ignores Range, of which it takes no whole database', async () => {
    const large = Buffer.concat([readFileSync(official('test-6.cvd')), Buffer.alloc(50_000_000)]);
    await using upstream = await broken('test.cvd', { ignoreRange: true });
    upstream.set('test.cvd', large);
    const report = await probe(upstream.url, ofTest);
    expect(finding(report, 'range')?.what).toContain('Range is ignored');
    expect(report.bytes).toBeLessThan(1_500_000);
  });

  test('a CDIFF that is a page, one of another version, and one whose transfer is cut', async () => {
    for (const fault of [
      { page: '<html>' },
      { cutAfter: 8 },
      { status: 403 },
      { stallAfter: 'head' },
    ] as const) {
      await using upstream = await broken('test-4.cdiff', fault);
      expect(faults(await probe(upstream.url, ofTest))).toEqual(['cdiffs']);
    }
    await using upstream = await startUpstream(offered(6));
    upstream.set('test-4.cdiff', official('test-3.cdiff'));
    expect(finding(await probe(upstream.url, ofTest), 'cdiffs')?.what).toContain('test-4.cdiff starts with');
  });

  test('another database under a name', async () => {
    await using upstream = await startUpstream(new Map([['main.cvd', official('test-6.cvd')]]));
    const report = await probe(upstream.url, { databases: ['main'] });
    expect(faults(report)).toEqual(['signature']);
    expect(finding(report, 'signature')?.what).toContain('it is another database');
  });

  test('a header with a flipped bit, or without a signature', async () => {
    const bytes = readFileSync(official('test-6.cvd'));
    const text = bytes.toString('latin1', 0, 512);
    const md5 = text.split(':')[5] ?? '';
    const flipped = text.replace(
      md5,
      md5.replace(/^./, (digit) => (digit === '0' ? '1' : '0')),
    );
    const dsig = text.split(':')[6] ?? '';
    const unsealed = text.replace(md5, 'X').replace(dsig, 'X').padEnd(512);
    for (const header of [flipped, unsealed]) {
      await using upstream = await startUpstream(offered(6));
      upstream.set('test.cvd', Buffer.concat([Buffer.from(header, 'latin1'), bytes.subarray(512)]));
      expect(faults(await probe(upstream.url, ofTest))).toEqual(['signature']);
    }
  });

  test('a .sign file that is none', async () => {
    await using upstream = await startUpstream(offered(6));
    upstream.set('test-6.cvd.sign', Buffer.from('#clamsign-1.0\n230::pkcs7-pem:<html>\n'));
    expect(faults(await probe(upstream.url, ofTest))).toEqual(['.sign files']);
  });

  test('a manifest of another kind, and one without an end', async () => {
    await using upstream = await startUpstream(offered(6));
    upstream.set('manifest.json', Buffer.from('{"format": 99}'));
    expect(finding(await probe(upstream.url, ofTest), 'manifest')?.verdict).toBe('warning');
    upstream.fail('manifest.json', { endless: true });
    expect(faults(await probe(upstream.url, ofTest))).toEqual([]);
  });

  test('no redirects that end, which it only mentions', async () => {
    await using upstream = await startUpstream(offered(6));
    await using front = await startUpstream();
    front.fail('test.cvd', { redirect: `${upstream.url}/test.cvd` });
    const report = await probe(front.url, ofTest);
    expect(faults(report)).toEqual([]);
    expect(finding(report, 'redirects')?.what).toContain(`test.cvd is redirected to ${upstream.url}`);
  });

  test('a host that gives one byte at a time, of which it does not wait for all', async () => {
    await using upstream = await startUpstream(offered(6));
    for (const version of [2, 3, 4, 5, 6]) upstream.fail(`test-${version}.cdiff`, { trickle: 50 });
    const report = await probe(upstream.url, ofTest);
    expect(finding(report, 'cdiffs')?.verdict).toBe('fault');
    expect(finding(report, 'missing files')?.what).toContain('has stopped answering');
    expect(report.requests).toBeLessThan(12);
  });

  test('a host that is not there', async () => {
    const report = await probe(NOBODY);
    expect(report).toMatchObject({ verdict: 'failed', requests: 1 });
    expect(faults(report)).toEqual(['reachable']);
  });

  test.for<[string, (socket: Socket) => void]>([
    ['headers without an end', (socket) => void fill(socket, 'HTTP/1.1 200 OK\r\n', 'X-More: and more\r\n')],
    ['a header line without an end', (socket) => void fill(socket, 'HTTP/1.1 200 OK\r\nX: ', 'more')],
    ['what is no HTTP', (socket) => void socket.end('220 ready\r\n')],
    [
      'two lengths',
      (socket) => void socket.end('HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx'),
    ],
    ['silence', () => {}],
  ])('%s', async ([, answer]) => {
    const server = createServer((socket) => {
      socket.on('error', () => {});
      socket.once('data', () => answer(socket));
    });
    await using url = await urlOf(server);
    expect(faults(await probe(url.url))).toEqual(['reachable']);
  });

  describeWithOpenssl('by HTTPS', () => {
    test('a certificate that nobody knows, which a client that trusts it accepts', async () => {
      const folder = mkdtempSync(join(tmpdir(), 'tls-'));
      const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
      const subject = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1', '-days', '5'];
      const make = [
        'req',
        '-x509',
        '-newkey',
        'rsa:2048',
        '-nodes',
        '-keyout',
        key,
        '-out',
        cert,
        ...subject,
      ];
      execFileSync('openssl', make, { stdio: 'ignore' });
      await using plain = await startUpstream(offered(6));
      const cvd = readFileSync(official('test-6.cvd'));
      const pems = { key: readFileSync(key), cert: readFileSync(cert) };
      const server = createTlsServer(pems, (request, response) => {
        if (request.url === '/test.cvd') response.end(cvd);
        else if (request.url === '/timestamp')
          response.writeHead(302, { location: `${plain.url}/timestamp` }).end();
        else response.writeHead(404).end();
      });
      await using url = await urlOf(server, 'https');
      const stranger = await probe(url.url, ofTest);
      expect(finding(stranger, 'reachable')?.what).toContain('TLS');
      const friend = await probe(url.url, { ...ofTest, ca: readFileSync(cert, 'utf8') });
      expect(finding(friend, 'signature')?.verdict).toBe('good');
      expect(finding(friend, 'tls')?.what).toMatch(/ends in [45] days/);
      expect(finding(friend, 'timestamp')?.what).toContain('from https to plain http');
      rmSync(folder, { recursive: true });
    });
  });
});

async function fill(socket: Socket, start: string, more: string): Promise<void> {
  socket.write(start);
  for (let left = 1000; left > 0 && !socket.destroyed; left--) {
    if (!socket.write(more.repeat(100))) await Promise.race([once(socket, 'drain'), once(socket, 'close')]);
  }
}

async function urlOf(server: Server, scheme = 'http') {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => sockets.add(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return {
    url: `${scheme}://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`,
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
