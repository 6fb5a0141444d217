import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { HeadObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { beforeEach, describe, expect, test } from 'vitest';
import { MANIFEST_BYTES } from '../../../scripts/base/limits/manifest.ts';
import {
  ANSWER_BYTES,
  LEASE_BYTES,
  LEASE_SECONDS,
  LEASE_UPLOADS,
  UPLOAD_CHARACTERS,
} from '../../../scripts/base/limits/store.ts';
import { openStore } from '../../../scripts/store/open.ts';
import { LEASE } from '../../../scripts/store/s3/lease.ts';
import type { Store } from '../../../scripts/store/store.ts';
import { MANIFEST } from '../../../scripts/store/store.ts';
import { flipObject } from '../../cycle/in-place.ts';
import { describeWithCeph } from '../../support/s3/s3.ts';
import { sha256, temporaryFolder } from '../support.ts';
import { type Proxied, proxied } from './support.ts';

describeWithCeph('a bucket that somebody else can write to', (ceph) => {
  let it: Proxied;
  let folder = '';
  beforeEach(async () => {
    it = await proxied(ceph);
    folder = temporaryFolder();
  });

  /** Publishes these files. */
  const publish = async (
    files: Readonly<Record<string, Buffer>>,
    { anew = false, store = it.store as Store } = {},
  ) => {
    await using publication = await store.begin((await store.readManifest())?.tag, { anew });
    for (const [name, bytes] of Object.entries(files)) {
      const path = join(folder, name.replace('/', '-'));
      await writeFile(path, bytes);
      await publication.put(name, path, { sha256: sha256(bytes), mtime: new Date(1000) });
    }
    await publication.commit('{}');
  };
  const head = async (Key: string) =>
    await it.bucket.client.send(new HeadObjectCommand({ Bucket: it.bucket.name, Key }));
  const plantAsOurs = async (Key: string, Body: Buffer, CacheControl?: string) => {
    const Metadata = { sha256: sha256(Body), mtime: '1' };
    const put = { Bucket: it.bucket.name, Key, Body, Metadata, ...(CacheControl && { CacheControl }) };
    await it.bucket.client.send(new PutObjectCommand(put));
  };

  describe('is sent a file again that was damaged in its place', () => {
    test.each([
      ['small', 5000],
      ['in one part', 300_000],
      ['in several parts', 17_000_000],
    ])('%s', async (_, size) => {
      const bytes = Buffer.alloc(size, 'proven');
      for (const name of ['test.cvd', 'test-2.cdiff']) {
        await publish({ [name]: bytes });
        it.proxy.forget();
        await publish({ [name]: bytes });
        expect(it.proxy.sent).toBeLessThan(5000); // while it is whole, it is not
        await flipObject(it.bucket, name, size - 1);
        await publish({ [name]: bytes });
        expect((await it.bucket.get(name))?.equals(bytes)).toBe(true);
      }
    });
  });

  test('gives the archive no CVD that was damaged in its place, whoever says what it was', async () => {
    const [before, after] = [Buffer.alloc(9_000_000, 'before'), Buffer.alloc(9_000_000, 'after')];
    await publish({ 'test.cvd': before });
    await flipObject(it.bucket, 'test.cvd', 5000);
    await publish({ 'archive/test-5.cvd': before, 'test.cvd': after });
    expect((await it.bucket.get('archive/test-5.cvd'))?.equals(before)).toBe(true);
  });

  test('is sent everything and read back if nothing is believed', async () => {
    const bytes = Buffer.alloc(50_000, 'proven');
    await publish({ 'test.cvd': bytes, 'test-2.cdiff': bytes });
    it.proxy.forget();
    await publish({ 'test.cvd': bytes, 'test-2.cdiff': bytes }, { anew: true });
    expect(it.proxy.sent).toBeGreaterThan(100_000);
    expect(it.proxy.received).toBeGreaterThan(100_000);
    it.proxy.fault = ({ line }) =>
      /^GET .*cdiff/.test(line) ? { body: (found) => Buffer.alloc(found.length, 'other') } : undefined;
    const spoilt = publish({ 'test-2.cdiff': bytes }, { anew: true });
    await expect(spoilt).rejects.toMatchObject({ code: 'store/damaged' });
  });

  describe('loses nothing that its owner has put there', () => {
    test('by names that are retired', async () => {
      const theirs = ['archive/test-2.cvd', 'test-2.cdiff', 'test-9.cdiff.sign', 'local_rules.cvd'];
      for (const name of theirs) await it.bucket.plant(name, 'theirs');
      await plantAsOurs('local_more.cvd', Buffer.from('theirs, copied with metadata'));
      await publish({ 'test-3.cdiff': Buffer.from('ours') });
      await using publication = await it.store.begin((await it.store.readManifest())?.tag);
      await publication.commit('{"next":true}');
      for (const name of [...theirs, 'local_more.cvd', 'test-3.cdiff']) await publication.remove(name);
      const left = (await it.bucket.keys()).filter((key) => !key.startsWith('.'));
      expect(left).toEqual([...theirs, 'local_more.cvd', MANIFEST].sort());
    });
  });

  describe('is taken from with limits', () => {
    const large = (bytes: number) => ' '.repeat(bytes + 1);
    const limited = async () =>
      await openStore(`s3://${it.bucket.name}`, { endpoint: it.proxy.url, maxSize: 1_000_000 });

    test('of the manifest', async () => {
      await it.bucket.plant(MANIFEST, large(MANIFEST_BYTES));
      it.proxy.forget();
      await expect(it.store.readManifest()).rejects.toMatchObject({ code: 'store/limit' });
    });

    test('of the lease', async () => {
      await it.bucket.plant(LEASE, large(LEASE_BYTES));
      await expect(it.store.begin(undefined)).rejects.toMatchObject({ code: 'store/limit' });
    });

    test('of what a lease says: it holds nobody up for longer than an hour, nor makes up uploads', async () => {
      const upload = (change: object) => ({ name: 'test.cvd', id: 'x', ...change });
      const lease = (change: object) => JSON.stringify({ owner: 'x', seconds: 1e9, renewals: 0, ...change });
      const waits = async (text: string) => {
        await it.bucket.plant(LEASE, text);
        const error = await it.store.begin(undefined).catch((cause) => cause);
        expect(error).toMatchObject({ code: 'store/busy' });
        return Number(/wait (\d+) seconds/.exec(error.advice)?.[1]);
      };
      const ours = await waits('no lease that can be understood');
      expect(ours).toBeLessThan(100);
      const longest = await waits(lease({ uploads: Array(LEASE_UPLOADS).fill(upload({})) }));
      expect(longest).toBeGreaterThan(LEASE_SECONDS - 100);
      expect(longest).toBeLessThan(LEASE_SECONDS + 10);
      for (const uploads of [
        Array(LEASE_UPLOADS + 1).fill(upload({})),
        [upload({ name: 'x'.repeat(UPLOAD_CHARACTERS.name + 1) })],
        [upload({ id: 'x'.repeat(UPLOAD_CHARACTERS.id + 1) })],
      ])
        expect(await waits(lease({ uploads }))).toBeLessThan(100);
    });

    test.each([
      ['told', undefined],
      ['not told', { body: () => Buffer.alloc(1_000_001) }],
    ])('of a file, whose size is %s', async (_, fault) => {
      await it.bucket.plant('test.cvd', fault === undefined ? large(1_000_000) : 'small');
      it.proxy.fault = () => fault;
      const end = (await limited()).fetch('test.cvd', join(folder, 'copy'));
      await expect(end).rejects.toMatchObject({ code: 'store/limit' });
      const found = await readFile(join(folder, 'copy')).catch(() => Buffer.alloc(0));
      expect(found.length).toBeLessThanOrEqual(1_000_000);
    });

    test('of a listing that never ends', { timeout: 60_000 }, async () => {
      await it.bucket.plant('test.cvd', 'small');
      it.proxy.fault = ({ line }) => {
        if (!/list-type=2/.test(line)) return undefined;
        const more = '<IsTruncated>true</IsTruncated><NextContinuationToken>x</NextContinuationToken>';
        const body = `<ListBucketResult>${more}<KeyCount>1</KeyCount></ListBucketResult>`;
        return { body: () => Buffer.from(body) };
      };
      await expect(it.store.list()).rejects.toMatchObject({ code: 'store/limit' });
    });

    test('of an answer that is no file', async () => {
      it.proxy.fault = ({ line }) =>
        /list-type=2/.test(line) ? { body: () => Buffer.from(large(ANSWER_BYTES)) } : undefined;
      await expect(it.store.list()).rejects.toMatchObject({ code: 'store/limit' });
    });
  });

  describe('behind a gateway that changes', () => {
    const begun = { 'test.cvd': Buffer.from('new') };
    const isTrial = (line: string) => /^GET .*trial/.test(line);
    test.each([
      ['tags to weak ones', { tag: (tag: string) => `W/${tag}` }],
      ['tags as those do that compress', { tag: (tag: string) => tag.replace(/"$/, '-gzip"') }],
      ['contents', { body: (found: Buffer) => Buffer.from(`${found} and more`) }],
    ])('%s is told so before anything is placed', async (_, fault) => {
      it.proxy.fault = ({ line }) => (/^GET .*(trial|manifest)/.test(line) ? fault : undefined);
      await expect(publish(begun)).rejects.toMatchObject({ code: 'store/gateway' });
      expect(await it.bucket.keys()).toEqual([]);
      it.proxy.fault = ({ line }) => (isTrial(line) ? fault : undefined);
      await expect(it.store.describeAbilities()).rejects.toMatchObject({ code: 'store/gateway' });
    });
  });

  test('gets the headers of today for a .sign that it has with those of before', async () => {
    const YEAR = 'public, max-age=31536000, immutable';
    const [sign, cdiff] = [Buffer.from('a signature'), Buffer.from('a CDIFF')];
    await plantAsOurs('test-2.cdiff.sign', sign, YEAR);
    await plantAsOurs('test-2.cdiff', cdiff, YEAR);
    await publish({ 'test.cvd': Buffer.from('a CVD') });
    expect((await head('test-2.cdiff.sign')).CacheControl).toBe(YEAR); // not seen yet
    for (const [name, bytes] of [
      ['test-2.cdiff.sign', sign],
      ['test-2.cdiff', cdiff],
    ] as const)
      expect(await it.store.sight.hash(name, bytes.length)).toBe(sha256(bytes));
    await publish({ 'test.cvd': Buffer.from('another CVD') });
    const found = await head('test-2.cdiff.sign');
    expect(found.CacheControl).toBe('public, max-age=60, must-revalidate');
    expect(found.Metadata).toEqual({ sha256: sha256(sign), mtime: '1' });
    expect(await it.bucket.get('test-2.cdiff.sign')).toEqual(sign);
    expect((await head('test-2.cdiff')).CacheControl).toBe(YEAR);
    it.proxy.forget();
    await publish({ 'test.cvd': Buffer.from('a third CVD') });
    expect(it.proxy.seen.filter((line) => line.includes('.sign'))).toEqual([]);
  });
});
