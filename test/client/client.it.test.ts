import { spawnSync } from 'node:child_process';
import {
  chmod,
  copyFile,
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { explain } from '../../scripts/base/errors.ts';
import { run } from '../../scripts/engine/engine.ts';
import { findNativeEngine } from '../../scripts/engine/native.ts';
import { type RequestLine, startHost } from '../../scripts/host/host.ts';
import type { Manifest } from '../../scripts/mirror/manifest.ts';
import { eicar } from '../../scripts/proof/samples/samples.ts';
import { publishedMirror } from '../probe/support.ts';
import { describeWithImages, image } from '../support/docker/docker.ts';
import { describeMirror, manifestOf, type TestMirror } from '../support/mirror/cycle.ts';
import { startUpstream } from '../support/mirror/upstream.ts';
import { official } from '../support/setup/official.ts';
import { startProxy } from '../upstream/proxy/proxy.ts';
import { ago, changeManifest, checkedAt, plant, startConsumer } from './support.ts';

describeMirror('a client of a mirror', () => {
  let mirror: TestMirror;
  /** What freshclam makes of version 5 and a CDIFF. */
  let cld: Buffer;
  beforeAll(async () => {
    mirror = await publishedMirror();
    await using consumer = await startConsumer();
    await using host = await startHost({ folder: mirror.store });
    await plant(consumer, { 'test.cvd': official('test-5.cvd') });
    await consumer.update(host.url);
    cld = await readFile(join(consumer.folder, 'test.cld'));
  });
  afterAll(async () => await mirror[Symbol.asyncDispose]());

  test('takes everything into an empty folder, and freshclam alone goes on with the conf it wrote', async () => {
    await using consumer = await startConsumer();
    await using host = await startHost({ folder: mirror.store });
    const report = await consumer.update(host.url);
    expect(report).toMatchObject({
      url: host.url,
      folder: consumer.folder,
      conf: consumer.conf,
      versions: { test: 6 },
      how: { test: 'whole' },
    });
    expect(report.checked).toBe((await manifestOf(mirror)).checked);
    expect(await consumer.names()).toEqual(['test.cvd']);
    expect((await stat(consumer.conf)).mode & 0o777).toBe(0o600);
    expect(await consumer.freshclam()).toMatch(/test\.cvd database is up-to-date \(version: 6/);
    await rm(consumer.folder, { recursive: true });
    await mkdir(consumer.folder);
    await consumer.freshclam();
    expect(await consumer.names()).toEqual(['freshclam.dat', 'test.cvd']);
  });

  test('updates what it has by CDIFFs, and asks for 512 bytes if there is no news', async () => {
    const requests: RequestLine[] = [];
    await using consumer = await startConsumer();
    await using host = await startHost({
      folder: mirror.store,
      onRequest: (line) => void requests.push(line),
    });
    await plant(consumer, { 'test.cvd': official('test-2.cvd') });
    expect((await consumer.update(host.url)).how).toEqual({ test: 'cdiffs' });
    expect(await consumer.names()).toEqual(['test.cld']);
    expect(requests.filter(({ path }) => path.endsWith('.cdiff'))).toHaveLength(4);
    requests.length = 0;
    expect((await consumer.update(host.url)).how).toEqual({ test: 'unchanged' });
    expect(await consumer.names()).toEqual(['test.cld']);
    expect(requests.map(({ path, range }) => `${path} ${range}`)).toEqual([
      '/manifest.json undefined',
      '/test.cvd bytes=0-511',
    ]);
  });

  describe('with a folder from a cache', () => {
    const forged = (change: (text: string) => string) => () =>
      Buffer.from(change(cld.toString('latin1')), 'latin1');
    const poisons: Record<string, () => Record<string, Uint8Array | string>> = {
      'half a CVD': () => ({ 'test.cvd': Buffer.alloc(700, 'ClamAV-VDB:') }),
      'a signed CVD of another database': () => ({ 'test.cvd': official('bytecode.cvd') }),
      'a CLD with another signature inside': () => ({
        'test.cld': forged((text) => text.replaceAll('Eicar-Test-Signature', 'Other-Test-Signature'))(),
      }),
      'a CLD that lacks most signatures': () => ({ 'test.cld': emptied(cld) }),
      'a CLD of a version that is to come': () => ({
        'test.cld': forged((text) => text.replace(':6:14:81:X:X:', ':9:14:81:X:X:'))(),
      }),
      'two files of one database': () => ({
        'test.cvd': official('test-5.cvd'),
        'test.cld': Buffer.from('?'),
      }),
      'signatures that switch others off': () => ({
        'trust.ign2': Buffer.from('Eicar-Test-Signature\n'),
        '.fp': Buffer.from('44d88612fea8a8f36de82e1278abb02f:68:Nothing\n'),
      }),
      'what was under way': () => ({ 'tmp.1234': official('test-1.cvd') }),
    };
    test.each(Object.keys(poisons))('with %s replaces what it cannot prove', async (name) => {
      await using consumer = await startConsumer();
      await using host = await startHost({ folder: mirror.store });
      await mkdir(join(consumer.folder, '.clamav-client'), { recursive: true }); // ours, by what it says
      await plant(consumer, poisons[name]?.() ?? {});
      expect((await consumer.update(host.url)).versions).toEqual({ test: 6 });
      expect(await consumer.names()).toEqual([expect.stringMatching(/^test\.c[vl]d$/)]);
      expect(await scanned(consumer.folder)).toMatch(/: Eicar-Test-Signature FOUND/);
    });

    test('a forged CLD is what freshclam alone would keep for ever', async () => {
      await using consumer = await startConsumer();
      await using host = await startHost({ folder: mirror.store });
      await consumer.update(host.url);
      await rm(join(consumer.folder, 'test.cvd'));
      await plant(consumer, poisons['a CLD that lacks most signatures']?.() ?? {});
      expect(await consumer.freshclam()).toMatch(/test\.cld database is up-to-date/);
      expect(await scanned(consumer.folder)).toMatch(/sample: OK/);
    });

    test('a cool-down in it does not keep the client waiting, as it would freshclam alone', async () => {
      await using consumer = await startConsumer();
      await using host = await startUpstream(mirror.store);
      await consumer.update(host.url);
      await rm(join(consumer.folder, 'test.cvd'));
      host.fail('test.cvd', { status: 403 });
      await consumer.freshclam(); // makes the cool-down
      host.fail('test.cvd');
      await consumer.freshclam();
      expect(await consumer.names()).toEqual(['freshclam.dat']);
      expect((await consumer.update(host.url)).versions).toEqual({ test: 6 });
      expect(await consumer.names()).toEqual(['test.cvd']);
    });

    test('it follows no link that leads out of it', async () => {
      await using consumer = await startConsumer();
      await using host = await startHost({ folder: mirror.store });
      const elsewhere = await mkdtemp(join(tmpdir(), 'elsewhere-'));
      await copyFile(official('test-5.cvd'), join(elsewhere, 'run'));
      await mkdir(consumer.folder);
      await symlink(elsewhere, join(consumer.folder, '.clamav-client'));
      await symlink(join(elsewhere, 'run'), join(consumer.folder, 'test.cvd'));
      spawnSync('mkfifo', [join(consumer.folder, 'test.cld')]); // nor waits for a pipe
      expect((await consumer.update(host.url)).how).toEqual({ test: 'whole' });
      expect(await readFile(join(elsewhere, 'run'))).toEqual(await readFile(official('test-5.cvd')));
      expect(await readdir(elsewhere)).toEqual(['run']);
      expect((await stat(join(consumer.folder, '.clamav-client'))).isDirectory()).toBe(true);
      await rm(elsewhere, { recursive: true });
    });
  });

  test('leaves a folder alone that others may write to, for they could tell its freshclam what to do', async () => {
    await using consumer = await startConsumer();
    await using host = await startHost({ folder: mirror.store });
    await plant(consumer, { 'test.cvd': official('test-5.cvd') });
    await chmod(consumer.folder, 0o777);
    await expect(consumer.update(host.url)).rejects.toMatchObject({ code: 'setting/unsafe-folder' });
    expect(await readdir(consumer.folder)).toEqual(['test.cvd']);
  });

  test('brings no lock along that a cache has, and keeps its folder readable', async () => {
    await using consumer = await startConsumer();
    await using host = await startHost({ folder: mirror.store });
    await mkdir(join(consumer.folder, '.clamav-client'), { recursive: true });
    await writeFile(join(consumer.folder, '.clamav-client', 'lock-1-1'), 'a lock of another machine');
    expect((await consumer.update(host.url)).how).toEqual({ test: 'whole' });
    expect(await readdir(join(consumer.folder, '.clamav-client'))).toHaveLength(1);
    expect((await stat(consumer.folder)).mode & 0o777).toBe(0o755);
  });

  test('makes what clamd reads as a user of its own, whatever the umask', async () => {
    await using consumer = await startConsumer();
    await using host = await startHost({ folder: mirror.store });
    const before = process.umask(0o077);
    onTestFinished(() => void process.umask(before));
    const rights = async (name = '') => (await stat(join(consumer.folder, name))).mode & 0o777;
    await consumer.update(host.url);
    expect([await rights(), await rights('test.cvd')]).toEqual([0o755, 0o644]);
    await chmod(join(consumer.folder, 'test.cvd'), 0o600); // as an earlier version left it
    expect((await consumer.update(host.url)).how).toEqual({ test: 'unchanged' });
    expect([await rights('test.cvd'), await rights('.clamav-client')]).toEqual([0o644, 0o700]);
  });

  test('leaves a folder alone that holds other things', async () => {
    await using consumer = await startConsumer();
    await using host = await startHost({ folder: mirror.store });
    await plant(consumer, { 'README.md': Buffer.from('ours'), 'test.cvd': Buffer.from('?') });
    await expect(consumer.update(host.url)).rejects.toMatchObject({ code: 'client/foreign-folder' });
    expect(await consumer.names()).toEqual(['README.md', 'test.cvd']);
  });

  test('is the only one at work in a folder', async () => {
    await using consumer = await startConsumer();
    await using host = await startHost({ folder: mirror.store });
    const both = await Promise.allSettled([consumer.update(host.url), consumer.update(host.url)]);
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(both.find(({ status }) => status === 'rejected')).toMatchObject({ reason: { code: 'file/busy' } });
    expect(await consumer.names()).toEqual(['test.cvd']);
  });

  describe('of a mirror that nobody keeps', () => {
    const stale = async (checked: string, flags: Record<string, string> = {}, isEarlier = false) => {
      const store = await mkdtemp(join(tmpdir(), 'stale-'));
      await using consumer = await startConsumer();
      try {
        await cp(mirror.store, store, { recursive: true });
        await changeManifest(store, checkedAt(checked));
        if (isEarlier)
          await changeManifest(store, ({ databases }) => ({ databases: withoutTimes(databases) }));
        await using host = await startHost({ folder: store });
        const failed = await consumer.update(host.url, { flags }).then(
          () => undefined,
          (error) => error.code,
        );
        return [failed, ...(await consumer.names())];
      } finally {
        await rm(store, { recursive: true });
      }
    };

    /** As mirrors of earlier versions describe their databases. */
    const withoutTimes = (databases: Manifest['databases']) =>
      Object.fromEntries(
        Object.entries(databases).map(([name, { checked: _, ...record }]) => [name, record]),
      );

    test('of an earlier version fails by the one time that it tells', async () => {
      expect(await stale(ago(47), {}, true)).toEqual([undefined, 'test.cvd']);
      expect(await stale(ago(49), {}, true)).toEqual(['client/stale', 'test.cvd']);
    });

    test('fails once that was last checked too long ago, with what databases there are', async () => {
      expect(await stale(ago(47))).toEqual([undefined, 'test.cvd']);
      expect(await stale(ago(49))).toEqual(['client/stale', 'test.cvd']);
      expect(await stale(ago(49), { 'max-age': '50' })).toEqual([undefined, 'test.cvd']);
      expect(await stale(ago(-24 * 365))).toEqual(['client/stale', 'test.cvd']);
    });
  });

  test('wants to know when a mirror was last checked, unless it is told that it does not matter', async () => {
    await using consumer = await startConsumer();
    await using host = await startUpstream(mirror.store);
    host.fail('manifest.json', { page: '<html>It works!</html>' });
    await expect(consumer.update(host.url)).rejects.toMatchObject({ code: 'client/no-manifest' });
    const report = await consumer.update(host.url, { flags: { 'max-age': '0', databases: 'test' } });
    expect(report).toMatchObject({ versions: { test: 6 }, checked: null });
  });

  test('gets past the one CDIFF that is missing, where freshclam alone stays behind', async () => {
    await using consumer = await startConsumer();
    await using host = await startUpstream(mirror.store);
    host.remove('test-6.cdiff');
    await plant(consumer, { 'test.cvd': official('test-5.cvd') });
    expect(await consumer.update(host.url)).toMatchObject({ versions: { test: 6 }, how: { test: 'whole' } });
    expect(consumer.said.join('\n')).toMatch(/has version 5 of test, not 6/);
  });

  test('tries again what fails for a moment', async () => {
    await using consumer = await startConsumer();
    await using host = await startUpstream(mirror.store);
    host.fail('manifest.json', { status: 503, times: 1 });
    host.fail('test.cvd', { status: 429, times: 1 });
    expect((await consumer.update(host.url)).versions).toEqual({ test: 6 });
  });

  test('gives up on a mirror that is down or broken, and keeps what it has', async () => {
    await using consumer = await startConsumer();
    await using host = await startUpstream(mirror.store);
    await plant(consumer, { 'test.cvd': official('test-5.cvd') });
    host.fail('*', { page: '<html>Sign in to the hotel</html>' });
    host.set('manifest.json', join(mirror.store, 'manifest.json'));
    host.fail('manifest.json', {});
    await expect(consumer.update(host.url)).rejects.toMatchObject({ code: 'client/not-updated' });
    await host[Symbol.asyncDispose]();
    await expect(consumer.update(host.url)).rejects.toMatchObject({ code: 'probe/unreachable' });
    expect(await consumer.names()).toEqual(['test.cvd']);
    expect(await readFile(join(consumer.folder, 'test.cvd'))).toEqual(await readFile(official('test-5.cvd')));
  });

  test('sends the password in the URL, and tells it to nobody', async () => {
    await using consumer = await startConsumer();
    await using host = await startUpstream(mirror.store);
    const url = host.url.replace('//', '//me:s%40cret%2Fx@');
    const report = await consumer.update(url);
    const basic = `Basic ${Buffer.from('me:s@cret/x').toString('base64')}`;
    expect(new Set(host.requests.map(({ headers }) => headers.authorization))).toEqual(new Set([basic]));
    host.fail('test.cvd', { status: 404 });
    await rm(join(consumer.folder, 'test.cvd'));
    const error = await consumer.update(url).catch(explain);
    expect(error).toMatch(/freshclam/);
    expect(JSON.stringify([report, error, consumer.said])).not.toMatch(/cret/);
  });

  test('goes through a proxy with a password, unless the mirror is an exception', async () => {
    await using consumer = await startConsumer();
    await using host = await startHost({ folder: mirror.store });
    await using proxy = await startProxy(host.port, 'me:hidden');
    const environment = { http_proxy: proxy.url('me:hidden') };
    const url = 'http://mirror.invalid';
    expect((await consumer.update(url, { environment })).versions).toEqual({ test: 6 });
    expect(new Set(proxy.seen.map(({ line }) => line))).toEqual(
      new Set([`GET ${url}/manifest.json`, 'CONNECT mirror.invalid:80']),
    );
    const without = { ...environment, no_proxy: 'other.example, .invalid' };
    await expect(consumer.update(url, { environment: without })).rejects.toMatchObject({
      code: 'probe/unreachable',
    });
  });

  describeWithImages('oldest')('with the oldest ClamAV in a container', () => {
    test('updates by CDIFFs too', async () => {
      await using consumer = await startConsumer();
      await using host = await startHost({ folder: mirror.store });
      const flags = { engines: `docker:${image('oldest')}` };
      await plant(consumer, { 'test.cvd': official('test-4.cvd') });
      expect(await consumer.update(host.url, { flags })).toMatchObject({ how: { test: 'cdiffs' } });
    });
  });
});

/** What clamscan, with everything in a database folder, says of EICAR. */
async function scanned(databases: string): Promise<string> {
  const engine = await findNativeEngine(process.env.PATH ?? '');
  const folder = await mkdtemp(join(tmpdir(), 'scanned-'));
  try {
    await writeFile(join(folder, 'sample'), eicar());
    const args = () => [`--database=${databases}`, '--no-summary', join(folder, 'sample')];
    return (await run(engine, { tool: 'clamscan', folder, args, timeout: 60_000 })).output;
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** A CLD without the files in which EICAR has its signatures; all else is as Talos signed it. */
function emptied(cld: Buffer): Buffer {
  const parts = [cld.subarray(0, 512)];
  for (let at = 512; at < cld.length && cld[at] !== 0; ) {
    const size = Number.parseInt(cld.toString('latin1', at + 124, at + 136), 8);
    const end = at + 512 + Math.ceil(size / 512) * 512;
    const entry = cld.subarray(at, end);
    if (!entry.includes('Eicar') || /^test\.info\0/.test(entry.toString('latin1', 0, 20))) parts.push(entry);
    at = end;
  }
  return Buffer.concat(parts);
}
