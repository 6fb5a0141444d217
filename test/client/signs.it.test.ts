import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { copyFile, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SILENT } from '../../scripts/base/log.ts';
import { encodeTar } from '../../scripts/cvd/container/writer.ts';
import { encodeHeader, parseHeader, UNSEALED } from '../../scripts/cvd/header.ts';
import type { Engine } from '../../scripts/engine/engine.ts';
import { openOneEngine } from '../../scripts/engine/open-one.ts';
import { parseEngineSpec } from '../../scripts/engine/spec.ts';
import { startHost } from '../../scripts/host/host.ts';
import type { SignRecord } from '../../scripts/mirror/manifest.ts';
import { TALOS, type Trust } from '../../scripts/verify/trust.ts';
import { publishedMirror } from '../probe/support.ts';
import { type FakeTools, fakeTools } from '../support/clamav/engines.ts';
import { describeMirror, type TestMirror } from '../support/mirror/cycle.ts';
import { startUpstream } from '../support/mirror/upstream.ts';
import { describeWithSigns, official, signFolder } from '../support/setup/official.ts';
import { type Consumer, changeManifest, plant, startConsumer } from './support.ts';

/** Whom Talos' samples are signed by. */
const trust = (): Trust => {
  const root = new X509Certificate(readFileSync(join(signFolder ?? '', 'clamav-test-root.crt')));
  return { ...TALOS, roots: [{ certificate: root.raw }] };
};
const sign = (version: number) => join(signFolder ?? '', `test-${version}.cvd.sign`);

describeMirror('a folder that another ClamAV made', () => {
  let mirror: TestMirror;
  beforeAll(async () => {
    mirror = await publishedMirror();
  });
  afterAll(async () => await mirror[Symbol.asyncDispose]());

  test('is taken, with the CLD of a freshclam 1.5 and all that such a one keeps beside it', async () => {
    await using consumer = await startConsumer();
    await using host = await startUpstream(mirror.store);
    await plant(consumer, {
      'test.cld': await cldOf(5, ['test-4.cdiff', 'test-4.cdiff.sign', 'test-5.cdiff', 'freshclam.dat']),
      'test-4.cvd.sign': Buffer.from('of the CVD that it was made of'),
      'freshclam.dat': Buffer.from('notes'),
      'mirrors.dat': Buffer.from('notes of ClamAV before 0.103'),
      'clamav-0123456789abcdef0123456789abcdef': Buffer.from('under way before 0.102'),
      'tmp.0123456789/clamav-1.tmp': Buffer.from('under way'),
    });
    expect((await consumer.update(host.url)).how).toEqual({ test: 'cdiffs' });
    expect(await consumer.names()).toEqual(['test.cld']);
    expect((await consumer.update(host.url)).how).toEqual({ test: 'unchanged' });
    expect(wholeDownloads(host)).toBe(0);
    expect(consumer.said).toEqual([]);
  });

  test.each(['test-6.cdiff.sign', '.test-6.cvd.sign', 'tmp', 'clamav-x', 'ca.crt'])(
    'is not, if %s is in it, which no freshclam puts there',
    async (name) => {
      await using consumer = await startConsumer();
      await using host = await startHost({ folder: mirror.store });
      await plant(consumer, { [name]: Buffer.from('?') });
      await expect(consumer.update(host.url)).rejects.toMatchObject({ code: 'client/foreign-folder' });
      expect(await consumer.names()).toEqual([name]);
    },
  );

  describeWithSigns('with .sign files', () => {
    test('keeps the one that signs its CVD, and no other', async () => {
      await using consumer = await startConsumer();
      await using host = await startHost({ folder: mirror.store });
      await plant(consumer, {
        'test.cvd': official('test-6.cvd'),
        'test-6.cvd.sign': sign(6),
        'test-5.cvd.sign': sign(5),
        'daily-6.cvd.sign': sign(6),
      });
      for (const _ of [1, 2]) {
        expect((await consumer.update(host.url, { trust: trust() })).how).toEqual({ test: 'unchanged' });
        expect(await consumer.names()).toEqual(['test-6.cvd.sign', 'test.cvd']);
      }
      expect(await readFile(join(consumer.folder, 'test-6.cvd.sign'))).toEqual(await readFile(sign(6)));
    });

    const bad: Record<string, (path: string) => Promise<void>> = {
      'of another CVD': (path) => copyFile(sign(5), path),
      'that was tampered with': async (path) => await writeFile(path, tampered(await readFile(sign(6)))),
      'that is a page': (path) => writeFile(path, '<html>It works!</html>'),
      'that is a link': (path) => symlink(sign(6), path),
      'that is a folder': async (path) => void (await mkdir(path)),
    };
    test.each(Object.keys(bad))('gives up one %s, and keeps the database', async (what) => {
      await using consumer = await startConsumer();
      await using host = await startHost({ folder: mirror.store });
      await plant(consumer, { 'test.cvd': official('test-6.cvd') });
      await bad[what]?.(join(consumer.folder, 'test-6.cvd.sign'));
      expect((await consumer.update(host.url, { trust: trust() })).how).toEqual({ test: 'unchanged' });
      expect(await consumer.names()).toEqual(['test.cvd']);
      expect(consumer.said.join('\n')).toMatch(/test-6\.cvd\.sign is not used/);
    });

    test('lets it go with the CVD that gives way to a CLD', async () => {
      await using consumer = await startConsumer();
      await using host = await startHost({ folder: mirror.store });
      await plant(consumer, { 'test.cvd': official('test-5.cvd'), 'test-5.cvd.sign': sign(5) });
      expect((await consumer.update(host.url, { trust: trust() })).how).toEqual({ test: 'cdiffs' });
      expect(await consumer.names()).toEqual(['test.cld']);
    });

    describe('and a freshclam that asks for them', () => {
      /** Puts `.sign` files where the stand-in looks for what the mirror has. */
      const offer = async ({ folder }: FakeTools, content: Uint8Array | string) =>
        await writeFile(join(folder, 'test-6.cvd.sign'), content);

      test('gets the new one together with its CVD, and later if it is late', async () => {
        await using tools = await withSigns();
        await using consumer = await startConsumer();
        await using host = await startHost({ folder: mirror.store });
        const openEngine = engineOf(tools);
        await consumer.update(host.url, { trust: trust(), openEngine });
        expect(await consumer.names()).toEqual(['test.cvd']);
        await offer(tools, await readFile(sign(6)));
        expect((await consumer.update(host.url, { trust: trust(), openEngine })).how).toEqual({
          test: 'unchanged',
        });
        expect(await consumer.names()).toEqual(['test-6.cvd.sign', 'test.cvd']);
      });

      test('does not keep a bad one, with which ClamAV 1.5 would load nothing', async () => {
        await using tools = await withSigns();
        await using consumer = await startConsumer();
        await using host = await startHost({ folder: mirror.store });
        await offer(tools, tampered(await readFile(sign(6))));
        await consumer.update(host.url, { trust: trust(), openEngine: engineOf(tools) });
        expect(await consumer.names()).toEqual(['test.cvd']);
        expect(consumer.said.join('\n')).toMatch(/test-6\.cvd\.sign of the mirror is not used/);
      });

      describe('with FIPS limits', () => {
        const update = (consumer: Consumer, url: string, tools: FakeTools) =>
          consumer.update(url, { trust: trust(), openEngine: engineOf(tools), flags: { fips: 'true' } });

        test('takes a CVD that has its .sign, and says so in freshclam.conf', async () => {
          await using tools = await withSigns();
          await using consumer = await startConsumer();
          await using host = await startHost({ folder: mirror.store });
          await offer(tools, await readFile(sign(6)));
          expect((await update(consumer, host.url, tools)).how).toEqual({ test: 'whole' });
          expect(await consumer.names()).toEqual(['test-6.cvd.sign', 'test.cvd']);
          expect(await readFile(consumer.conf, 'utf8')).toMatch(/^FIPSCryptoHashLimits yes$/m);
          expect(await readFile(join(tools.folder, 'scans'), 'utf8')).toMatch(/--fips-limits/);
        });

        test.each<[string, Partial<SignRecord>]>([
          ['upstream lacks it', { state: 'missing' }],
          ['it is withheld', { state: 'withheld', reason: 'it is by a signer that nobody knows' }],
          ['it has expired', { state: 'published', notAfter: '2026-01-01T00:00:00Z' }],
        ])('tells at once that nothing will come while %s', async (_, change) => {
          await using tools = await withSigns();
          await using consumer = await startConsumer();
          await using host = await startUpstream(mirror.store);
          host.set('manifest.json', await manifestWith(mirror, change));
          await expect(update(consumer, host.url, tools)).rejects.toMatchObject({
            code: 'client/no-sign',
            message: expect.stringMatching(/FIPS limits.*(cannot take test|test does not arrive)/),
          });
          expect(wholeDownloads(host)).toBe(1);
          expect(await consumer.names()).toEqual([]);
        });

        test('goes on by CDIFFs all the same, which need none', async () => {
          await using tools = await withSigns();
          await using consumer = await startConsumer();
          await using host = await startUpstream(mirror.store);
          host.set('manifest.json', await manifestWith(mirror, { state: 'missing' }));
          await plant(consumer, { 'test.cvd': official('test-5.cvd'), 'test-5.cvd.sign': sign(5) });
          expect((await update(consumer, host.url, tools)).how).toEqual({ test: 'cdiffs' });
          expect(await consumer.names()).toEqual(['test.cld']);
        });

        test('does not vouch for a CVD that was there before without one', async () => {
          await using tools = await withSigns();
          await using consumer = await startConsumer();
          await using host = await startUpstream(mirror.store);
          await plant(consumer, { 'test.cvd': official('test-6.cvd') });
          for (const said of [{ state: 'missing' }, undefined] as const) {
            host.set('manifest.json', await manifestWith(mirror, said));
            await expect(update(consumer, host.url, tools)).rejects.toHaveProperty('code', 'client/no-sign');
          }
          expect(await consumer.names()).toEqual(['test.cvd']);
          expect(wholeDownloads(host)).toBe(0);
        });
      });
    });
  });

  test('FIPS limits are refused for a ClamAV that does not know them, and no conf is written', async () => {
    await using consumer = await startConsumer();
    await using host = await startHost({ folder: mirror.store });
    const old = engineOf(undefined, { version: '1.4.6', fLevel: 213 });
    await expect(
      consumer.update(host.url, { openEngine: old, flags: { fips: 'true' } }),
    ).rejects.toHaveProperty('code', 'client/fips-unknown');
    await expect(readFile(consumer.conf)).rejects.toHaveProperty('code', 'ENOENT');
  });
});

/** How often a database was downloaded as a whole. */
function wholeDownloads({ requests }: { requests: readonly { name: string; range: string | undefined }[] }) {
  return requests.filter(({ name, range }) => name.endsWith('.cvd') && range === undefined).length;
}

/** A genuine version as a CLD, with such files left in it. */
async function cldOf(version: number, leftovers: readonly string[]): Promise<Buffer> {
  const cvd = await readFile(official(`test-${version}.cvd`));
  const header = { ...parseHeader(cvd.subarray(0, 512)), md5: UNSEALED, dsig: UNSEALED };
  const data = [Buffer.from('left over\n')];
  const files = leftovers.map((name) => ({ name, size: 10, data }));
  return Buffer.concat([encodeHeader(header), gunzipSync(cvd.subarray(512)), ...encodeTar(files)]);
}

/** One character of the signature is another one. */
function tampered(sign: Buffer): Buffer {
  const text = sign.toString('latin1');
  const at = text.lastIndexOf('\n', text.length - 2) + 200;
  return Buffer.from(text.slice(0, at) + (text[at] === 'A' ? 'B' : 'A') + text.slice(at + 1), 'latin1');
}

/** What the mirror says of itself, with this said of its `.sign`, or nothing. */
async function manifestWith(mirror: TestMirror, change: Partial<SignRecord> | undefined): Promise<Buffer> {
  const path = join(mirror.store, 'manifest.json');
  const before = await readFile(path);
  const time = '2026-01-01T00:00:00Z';
  const sign: SignRecord | undefined = change && { state: 'missing', since: time, asked: time, ...change };
  await changeManifest(mirror.store, ({ databases }) => ({
    databases: Object.fromEntries(
      Object.entries(databases).map(([name, record]) => [name, { ...record, sign }]),
    ),
  }));
  const changed = await readFile(path);
  await writeFile(path, before);
  return changed;
}

/**
 * The real programs, but that freshclam gets a `.sign` for its CVD if one lies in the folder of the stand-in, and with
 * FIPS limits takes no new CVD without one; clamscan writes down how it was called.
 */
async function withSigns(): Promise<FakeTools> {
  return await fakeTools({
    freshclam: `
      for ARG in "$@"; do
        case "$ARG" in --datadir=*) DB="\${ARG#*=}" ;; --config-file=*) CONF="\${ARG#*=}" ;; esac
      done
      [ -f "$DB/test.cvd" ] && HAD=yes
      FIPS=$(grep -c '^FIPSCryptoHashLimits yes$' "$CONF"); sed -i '/^FIPSCryptoHashLimits/d' "$CONF"
      "$REAL" "$@"; CODE=$?
      [ -f "$DB/test.cvd" ] || exit $CODE
      [ -f "$HERE/test-6.cvd.sign" ] && cp "$HERE/test-6.cvd.sign" "$DB/"
      if [ "$FIPS" = 0 ] || [ "$HAD" = yes ] || [ -f "$DB/test-6.cvd.sign" ]; then exit $CODE; fi
      echo "ERROR: Verification: Can't verify database integrity"
      rm "$DB/test.cvd"; exit 7`,
    clamscan: `
      echo "$@" >> "$HERE/scans"
      for ARG in "$@"; do shift; [ "$ARG" = --fips-limits ] || set -- "$@" "$ARG"; done
      exec "$REAL" "$@"`,
  });
}

/** Opens the native engine with these tools, which passes for ClamAV 1.5 unless it is told otherwise. */
function engineOf(tools: FakeTools | undefined, change: Partial<Engine> = {}) {
  const path = tools?.path ?? process.env.PATH ?? '';
  return async (work: string): Promise<Engine> => {
    const engine = await openOneEngine(parseEngineSpec('native'), { path, work, log: SILENT });
    return { ...engine, version: '1.5.3', fLevel: 233, ...change };
  };
}
