import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { chmod, cp, mkdtemp, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { encodeHeader, HEADER_SIZE, parseHeader, unseal } from '../../scripts/cvd/header.ts';
import { startHost } from '../../scripts/host/host.ts';
import { describeWithPython } from '../support/machine/python.ts';
import { describeMirror, type TestMirror } from '../support/mirror/cycle.ts';
import { official } from '../support/setup/official.ts';
import { freePort } from '../support/web/ports.ts';
import { ended, listening } from '../support/web/server.ts';
import { startWebServer } from '../support/web/web-servers.ts';
import { describeWithWebServers, faults, finding, probe, publishedMirror } from './support.ts';

describeMirror('probe names the fault of', () => {
  let mirror: TestMirror;
  beforeAll(async () => {
    mirror = await publishedMirror();
  });
  afterAll(async () => await mirror[Symbol.asyncDispose]());

  /** A copy of what was published. */
  async function copy() {
    const folder = await mkdtemp(join(tmpdir(), 'published-'));
    await cp(mirror.store, folder, { recursive: true, preserveTimestamps: true });
    await chmod(folder, 0o755);
    return { folder, [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) };
  }

  describeWithPython("Python's http.server", () => {
    test('it ignores Range, and compares dates', async () => {
      const port = await freePort();
      const args = ['-m', 'http.server', String(port), '--bind', '127.0.0.1', '--directory', mirror.store];
      const child = spawn('python3', args, { stdio: ['ignore', 'ignore', 'pipe'] });
      try {
        await listening(child, port);
        const report = await probe(`http://127.0.0.1:${port}`);
        expect(faults(report)).toEqual(['range', 'own clock']);
        expect(finding(report, 'range')?.advice).toContain('http.server');
      } finally {
        await ended(child);
      }
    });
  });

  test('a database folder that freshclam keeps', async () => {
    await using store = await copy();
    const header = parseHeader((await readFile(join(store.folder, 'test.cvd'))).subarray(0, HEADER_SIZE));
    await rm(join(store.folder, 'test.cvd'));
    await writeFile(join(store.folder, 'test.cld'), encodeHeader(unseal(header)));
    await using host = await startHost({ folder: store.folder });
    const report = await probe(host.url, { databases: ['test'] });
    expect(finding(report, 'signature')?.what).toContain('a database folder that freshclam keeps');
  });

  describeWithWebServers('an nginx', () => {
    test('that compresses', async () => {
      await using server = await startWebServer('nginx', mirror.store, (config) =>
        config.replace('gzip off;', 'gzip on; gzip_types *; gzip_min_length 0;'),
      );
      const report = await probe(server.url);
      expect(faults(report)).toEqual(['encoding']);
      expect(finding(report, 'encoding')?.what).toContain('where gzip is accepted');
    });

    test('whose files are older than what is in them, so that updates stay hidden', async () => {
      await using store = await copy();
      await utimes(join(store.folder, 'test.cvd'), 1e9, 1e9);
      await using server = await startWebServer('nginx', store.folder);
      expect(faults(await probe(server.url))).toEqual(['last-modified']);
      await using eager = await startWebServer('nginx', store.folder, (config) =>
        config.replace('if_modified_since exact;', 'if_modified_since before;'),
      );
      expect(faults(await probe(eager.url))).toEqual(['last-modified', '304', 'own clock']);
    });

    test('with a gap in its CDIFFs, with a manifest and without', async () => {
      await using store = await copy();
      await using server = await startWebServer('nginx', store.folder);
      await rm(join(store.folder, 'test-4.cdiff'));
      const ours = await probe(server.url);
      expect(faults(ours)).toEqual(['cdiffs']);
      expect(finding(ours, 'cdiffs')?.what).toContain('test-4.cdiff is missing');
      await rm(join(store.folder, 'manifest.json'));
      expect(faults(await probe(server.url, { databases: ['test'] }))).toEqual(['cdiffs']);
      await rm(join(store.folder, 'test-2.cdiff'));
      await rm(join(store.folder, 'test-3.cdiff'));
      const shorter = await probe(server.url, { databases: ['test'] });
      expect(faults(shorter)).toEqual([]);
      expect(finding(shorter, 'cdiffs')?.what).toContain('2 without a gap from 5');
    });

    test('that answers 403 for what is missing, as a bucket does that nobody may list', async () => {
      await using server = await startWebServer('nginx', mirror.store, (config) =>
        config.replace('$uri =404', '$uri =403').replaceAll('return 404', 'return 403'),
      );
      const report = await probe(server.url);
      expect(faults(report)).toEqual(['missing files', '.sign files']);
      expect(finding(report, 'missing files')?.advice).toContain('s3:ListBucket');
    });

    test('that answers with a page for what is missing', async () => {
      await using store = await copy();
      await writeFile(join(store.folder, 'index.html'), '<!doctype html><title>welcome</title>');
      await using server = await startWebServer('nginx', store.folder, (config) =>
        config
          .replace('$uri =404', '$uri /index.html')
          .replace(/(location \/ \{\s+)return 404/, '$1try_files $uri /index.html'),
      );
      expect(faults(await probe(server.url))).toEqual(['missing files', '.sign files']);
    });

    test('that hands out a cache a year old', async () => {
      await using store = await copy();
      await writeFile(join(store.folder, 'test-6.cdiff.sign'), 'it may be made anew');
      await using server = await startWebServer('nginx', store.folder, (config) =>
        config.replace('max-age=60, must-revalidate', 'max-age=31536000').replace('immutable', 'no-cache'),
      );
      const report = await probe(server.url);
      expect(faults(report)).toEqual(['.sign files']);
      const warnings = report.findings.filter(
        ({ check, verdict }) => check === 'caching' && verdict === 'warning',
      );
      expect(warnings.map(({ what }) => /test[-.\w]*/.exec(what)?.[0])).toEqual([
        'test.cvd',
        'test-6.cdiff.sign',
        'test-6.cdiff',
      ]);
    });

    test('that limits requests with 429', async () => {
      await using server = await startWebServer('nginx', mirror.store, (config) =>
        config
          .replace('rate=20r/s', 'rate=1r/m')
          .replace('burst=400 nodelay;', 'burst=1 nodelay; limit_req_status 429;'),
      );
      const report = await probe(server.url);
      expect(report.verdict).toBe('failed');
      expect(report.findings.some(({ what }) => what.startsWith('429'))).toBe(true);
    });

    test('with empty CDIFFs: there is none, they are legal', async () => {
      await using store = await copy();
      await rm(join(store.folder, 'manifest.json'));
      await writeFile(join(store.folder, 'test-4.cdiff'), '');
      await using host = await startHost({ folder: store.folder });
      await using server = await startWebServer('nginx', store.folder);
      for (const { url } of [host, server]) {
        const report = await probe(url, { databases: ['test'], full: true });
        expect(faults(report)).toEqual([]);
        expect(finding(report, 'cdiffs')?.what).toContain('1 of them empty');
      }
    });
  });

  test('a server that gives one byte too many at the end, and old parts of new files', async () => {
    const path = join(mirror.store, 'test.cvd');
    const { size } = await stat(path);
    const server = createServer((request, response) => {
      if (request.url !== '/test.cvd') return void response.writeHead(404).end();
      const [, from, to] = /^bytes=(\d*)-(\d*)$/.exec(request.headers.range ?? '') ?? [];
      if (from === undefined) {
        response.writeHead(200, { 'content-length': size });
        return void createReadStream(path).pipe(response);
      }
      const start = from === '' ? size - Number(to) - 1 : Number(from);
      const end = from === '' || to === '' ? size - 1 : Math.min(Number(to), size - 1);
      if (start >= size) return void response.writeHead(416).end();
      const place = { 'content-range': `bytes ${start}-${end}/${size}`, 'content-length': end - start + 1 };
      response.writeHead(206, place);
      createReadStream(path, { start, end }).pipe(response);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const port = typeof address === 'object' ? address?.port : 0;
    try {
      const report = await probe(`http://127.0.0.1:${port}`, { databases: ['test'] });
      expect(faults(report)).toEqual(['range']);
      expect(report.findings.find(({ verdict }) => verdict === 'fault')?.what).toContain('bytes=-16');
      expect(finding(report, 'if-range')?.verdict).toBe('warning');
    } finally {
      server.close();
    }
  });

  test.for([
    [5, 'of ours', ['missing files']],
    [6, 'of ours', ['missing files']],
    [5, 'without a manifest', ['missing files']],
    [6, 'without a manifest', []],
  ] as const)(
    'a .cld of version %i in a mirror %s that serves version 6',
    async ([version, whose, expected]) => {
      await using store = await copy();
      const cld = (await readFile(official(`test-${version}.cvd`))).subarray(0, 600);
      await writeFile(join(store.folder, 'test.cld'), cld);
      if (whose !== 'of ours') await rm(join(store.folder, 'manifest.json'));
      await using host = await startHost({ folder: store.folder });
      const report = await probe(host.url, { databases: ['test'] });
      expect(faults(report)).toEqual(expected);
      expect(finding(report, 'missing files')?.what).toContain('test.cld');
    },
  );

  test('a mirror that nobody has synced for three days', async () => {
    await using host = await startHost({ folder: mirror.store });
    const later = (days: number) => () => new Date(Date.now() + days * 86_400_000);
    expect(faults(await probe(host.url, { now: later(3) }))).toEqual(['timestamp']);
    expect(finding(await probe(host.url, { now: later(1.5) }), 'timestamp')?.verdict).toBe('warning');
  });

  test('a mirror whose files are not those of its manifest', async () => {
    await using store = await copy();
    await cp(official('test-5.cvd'), join(store.folder, 'test.cvd'));
    await using host = await startHost({ folder: store.folder });
    expect(faults(await probe(host.url))).toEqual(['manifest']);
    const path = join(store.folder, 'manifest.json');
    const manifest = JSON.parse(await readFile(join(mirror.store, 'manifest.json'), 'utf8'));
    manifest.files['test-3.cdiff'].size++;
    await writeFile(path, JSON.stringify(manifest));
    await cp(official('test-6.cvd'), join(store.folder, 'test.cvd'));
    const report = await probe(host.url);
    expect(faults(report)).toEqual(['manifest']);
    expect(finding(report, 'manifest')?.what).toContain('test-3.cdiff');
  });

  test('a damaged body, once every byte is asked for or real freshclam takes it', async () => {
    await using store = await copy();
    const bytes = await readFile(official('test-6.cvd'));
    bytes.writeUInt8(bytes.readUInt8(bytes.length - 20) ^ 1, bytes.length - 20);
    await writeFile(join(store.folder, 'test.cvd'), bytes);
    await using host = await startHost({ folder: store.folder });
    expect(faults(await probe(host.url))).toEqual([]);
    expect(faults(await probe(host.url, { full: true, client: process.env.PATH ?? '' }))).toEqual([
      'every byte',
      'freshclam, DatabaseMirror',
      'freshclam, PrivateMirror',
    ]);
  });
});
