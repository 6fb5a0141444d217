import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { CopyObjectCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import pLimit from 'p-limit';
import { describe, expect, test } from 'vitest';
import { checkTree } from '../../../scripts/mirror/check/check-tree.ts';
import { parseManifest } from '../../../scripts/mirror/manifest.ts';
import { PRIVATE_FOLDER } from '../../../scripts/store/file-name.ts';
import type { LeaseTimes } from '../../../scripts/store/s3/lease.ts';
import type { S3Store } from '../../../scripts/store/s3/store.ts';
import { MANIFEST } from '../../../scripts/store/store.ts';
import { testTrust } from '../../support/databases/signing.ts';
import { CEPH_ENVIRONMENT } from '../../support/s3/ceph.ts';
import { describeWithCeph, type TestBucket } from '../../support/s3/s3.ts';
import { everyNth } from '../../support/sample.ts';
import { cvdOf, startArchivingIn } from '../archiving.ts';
import { sha256, temporaryFolder } from '../support.ts';
import { type Proxied, proxied, SHORT, treeOf } from './support.ts';

const KILLED = { status: 403, code: 'AccessDenied' } as const;
/** Until the lease of a run that was killed has ended by the store's clock. */
const over = { timeout: 20_000, interval: 500 };

describeWithCeph('a run that publishes to a bucket', (ceph) => {
  /** A bucket that has version 5 and an archive. */
  const published = async (template?: TestBucket, times?: LeaseTimes): Promise<Proxied> => {
    const it = await proxied(ceph, times);
    if (template === undefined) {
      const mirror = startArchivingIn(it.direct, temporaryFolder());
      for (const version of [3, 4, 5]) await mirror.publish(version, { keep: 1 });
      return it;
    }
    for (const Key of await template.keys()) {
      const CopySource = encodeURIComponent(`${template.name}/${Key}`);
      await it.bucket.client.send(new CopyObjectCommand({ Bucket: it.bucket.name, Key, CopySource }));
    }
    return it;
  };
  const toSix = (store: S3Store) => startArchivingIn(store, temporaryFolder()).publish(6, { keep: 1 });

  test('may be killed before each of its writes', { timeout: 180_000 }, async () => {
    const { bucket: template } = await published();
    const whole = await published(template);
    await toSix(whole.store);
    const tree = await treeOf(whole.bucket);
    const writes = whole.proxy.seen.filter(isWrite);
    const begun = writes.findIndex((line) => line.includes('/lease'));
    const points = [...writes.keys()].filter((at) => at >= begun);
    expect(points.length).toBeGreaterThan(10);
    const limit = pLimit(6);
    await limit.map(everyNth(6, points), async (point) => {
      const it = await published(template, SHORT);
      let count = 0;
      it.proxy.fault = ({ line }) => {
        if (isWrite(line) && !line.includes('/trial/')) count++;
        return count > point - begun ? KILLED : undefined;
      };
      try {
        await toSix(it.store).catch(() => {});
        expect(count).toBeGreaterThan(point - begun);
        await expectSound(it.bucket);
        await expect.poll(() => toSix(it.direct).then(() => 'done', String), over).toBe('done');
        expect(await treeOf(it.bucket)).toEqual(tree);
      } catch (cause) {
        throw new Error(`after a kill before ${writes[point]}`, { cause });
      }
    });
  });

  describe('may be killed', () => {
    const OLD = Buffer.alloc(1000, 'old');
    const NEW = Buffer.alloc(20_000_000, 'new');
    test.each([
      ['while it sends a part', /partNumber=2/, OLD],
      ['before it puts the parts of a CVD together', /^POST .*uploadId=/, OLD],
      ['before the manifest', /^PUT .*\/manifest\.json/, NEW],
    ])('by SIGKILL %s', async (_, line, cvd) => {
      const it = await proxied(ceph, SHORT);
      const path = join(temporaryFolder(), 'source');
      await publishOne(it.direct, path, OLD, 'old');
      await writeFile(path, NEW);
      const address = [`s3://${it.bucket.name}`, it.proxy.url, path, sha256(NEW), String(SHORT.lease)];
      const child = spawn(process.execPath, [join(import.meta.dirname, 'put-child.ts'), ...address], {
        env: { ...CEPH_ENVIRONMENT },
        stdio: 'inherit',
      });
      it.proxy.fault = ({ line: seen }) => {
        if (!line.test(seen)) return undefined;
        child.kill('SIGKILL');
        return 'cut';
      };
      const [, signal] = await once(child, 'exit');
      expect(signal).toBe('SIGKILL');
      expect((await it.bucket.get('test.cvd'))?.equals(cvd)).toBe(true);
      expect(await it.bucket.get(MANIFEST)).toEqual(Buffer.from('old'));
      await expect
        .poll(() => publishOne(it.direct, path, NEW, 'new').then(() => 'done', String), over)
        .toBe('done');
      expect(await it.bucket.keys()).toEqual([MANIFEST, 'test.cvd']);
      expect((await it.bucket.get('test.cvd'))?.equals(NEW)).toBe(true);
      expect(await it.bucket.uploads()).toBe(0);
    });
  });

  test('shows readers no CVD without its CDIFF, and a manifest when all is there', {
    timeout: 60_000,
  }, async () => {
    const it = await published();
    const oneByOne = pLimit(1);
    const wrong: unknown[] = [];
    it.proxy.fault = async ({ line }) => {
      const look = () => expectSound(it.bucket).catch((error) => wrong.push(error));
      if (isWrite(line)) await oneByOne(look); // with nothing under way but writes whose looks are over
      return undefined;
    };
    await toSix(it.store);
    expect(wrong).toEqual([]);
    await expectSound(it.bucket);
    expect(await it.bucket.get('test.cvd')).toEqual(cvdOf(6));
  });
});

function isWrite(line: string): boolean {
  return !/^(GET|HEAD) /.test(line);
}

async function publishOne(store: S3Store, path: string, bytes: Buffer, manifest: string): Promise<void> {
  await writeFile(path, bytes);
  await using publication = await store.begin((await store.readManifest())?.tag);
  await publication.put('test.cvd', path, { sha256: sha256(bytes) });
  await publication.commit(manifest);
}

/** Every file is proven; the CVD is version 5 or 6, and its CDIFF is there; what the manifest names is there. */
async function expectSound(bucket: TestBucket): Promise<void> {
  const files = await snapshot(bucket);
  const manifest = parseManifest(String(files.get(MANIFEST)), bucket.name);
  const isNew = files.get('test.cvd')?.equals(cvdOf(6));
  if (!isNew) expect(files.get('test.cvd')).toEqual(cvdOf(5));
  if (isNew) expect([...files.keys()]).toContain('test-6.cdiff');
  if (manifest.databases.test?.version === 6) expect(isNew).toBe(true);
  const folder = temporaryFolder();
  for (const [key, bytes] of files) {
    await mkdir(dirname(join(folder, key)), { recursive: true });
    await writeFile(join(folder, key), bytes);
  }
  const verdicts = await checkTree(folder, testTrust());
  expect(verdicts.filter(({ verdict }) => verdict !== 'proven' && verdict !== 'waiting')).toEqual([]);
  expect(verdicts.length).toBeGreaterThan(3);
}

/** What is published at one moment: looks again if something changed meanwhile. */
async function snapshot(bucket: TestBucket): Promise<ReadonlyMap<string, Buffer>> {
  const list = async () => {
    const { Contents = [] } = await bucket.client.send(new ListObjectsV2Command({ Bucket: bucket.name }));
    const objects = Contents.map(({ Key = '', ETag = '' }) => [Key, ETag] as const);
    return new Map(objects.filter(([key]) => !key.startsWith(PRIVATE_FOLDER)));
  };
  for (;;) {
    const before = await list();
    const files = new Map<string, Buffer>();
    for (const key of before.keys()) {
      const bytes = await bucket.get(key);
      if (bytes !== undefined) files.set(key, bytes);
    }
    if (isDeepStrictEqual(await list(), before)) return files;
  }
}
