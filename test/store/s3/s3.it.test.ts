import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CreateMultipartUploadCommand, HeadObjectCommand } from '@aws-sdk/client-s3';
import { beforeEach, describe, expect, test } from 'vitest';
import { explain } from '../../../scripts/base/errors.ts';
import { archiveName } from '../../../scripts/cvd/names.ts';
import { PRIVATE_FOLDER } from '../../../scripts/store/file-name.ts';
import { s3Settings } from '../../../scripts/store/s3/address.ts';
import { S3Store } from '../../../scripts/store/s3/store.ts';
import { MANIFEST } from '../../../scripts/store/store.ts';
import { cephAdmin } from '../../support/s3/ceph.ts';
import { describeWithCeph } from '../../support/s3/s3.ts';
import { cvdOf, recordOf, startArchivingIn } from '../archiving.ts';
import { sha256, temporaryFolder } from '../support.ts';
import { type Proxied, proxied, SHORT } from './support.ts';

describeWithCeph('a bucket', (ceph) => {
  let it: Proxied;
  let outside = '';
  beforeEach(async () => {
    it = await proxied(ceph);
    outside = temporaryFolder();
  });

  const source = async (bytes: Uint8Array | string): Promise<string> => {
    await writeFile(join(outside, 'source'), bytes);
    return join(outside, 'source');
  };
  /** Publishes this file and manifest. */
  const publishOne = async (store: S3Store, name: string, bytes: Uint8Array | string, manifest = '{}') => {
    await using publication = await store.begin((await store.readManifest())?.tag);
    await publication.put(name, await source(bytes), { sha256: sha256(bytes) });
    await publication.commit(manifest);
  };
  const corner = async () => await it.bucket.keys(PRIVATE_FOLDER);

  test('is a store that keeps conditions', async () => {
    expect(await it.store.describeAbilities()).toHaveLength(1);
    expect(await corner()).toEqual([]);
  });

  describe('is sent only what changed', () => {
    const cost = async (publish: () => Promise<unknown>): Promise<number> => {
      it.proxy.forget();
      await publish();
      return it.proxy.sent;
    };

    test('a daily step is the new CVD and CDIFF: the store itself moves the old CVD into the archive', async () => {
      const mirror = startArchivingIn(it.store);
      for (let version = 1; version <= 5; version++) await mirror.publish(version);
      const cdiff = (await it.bucket.keys('test-')).length;
      const bytes = await cost(() => mirror.publish(6));
      expect((await it.bucket.keys('test-')).length).toBe(cdiff + 1);
      expect(await it.bucket.get(archiveName('test', 5))).toEqual(cvdOf(5));
      const news = cvdOf(6).length + ((await it.bucket.get('test-6.cdiff'))?.length ?? 0);
      const pages = ['manifest.json', 'proof.json', 'proof.txt', 'timestamp', 'dns.txt'];
      const written = await Promise.all(pages.map(async (name) => (await it.bucket.get(name))?.length ?? 0));
      const small = 2000; // the lease, the trial
      expect(bytes).toBeLessThan(news + written.reduce((sum, one) => sum + one, 0) + small);
    });

    test('a file that is in its place is not sent again, one of another hash is', async () => {
      const [one, two] = [Buffer.alloc(300_000, 1), Buffer.alloc(300_000, 2)];
      await publishOne(it.store, 'test.cvd', one);
      expect(await cost(() => publishOne(it.store, 'test.cvd', one))).toBeLessThan(5000);
      expect(await cost(() => publishOne(it.store, 'test.cvd', two))).toBeGreaterThan(300_000);
    });

    test('what somebody put there is not taken for ours', async () => {
      await it.bucket.plant('test.cvd', 'theirs');
      await publishOne(it.store, 'test.cvd', 'proven');
      expect(await it.bucket.get('test.cvd')).toEqual(Buffer.from('proven'));
    });
  });

  test('has its objects described for hosts, caches and ourselves', async () => {
    const mirror = startArchivingIn(it.store);
    await mirror.publish(3);
    const head = async (Key: string) => {
      const found = await it.bucket.client.send(new HeadObjectCommand({ Bucket: it.bucket.name, Key }));
      return [found.ContentType, found.CacheControl];
    };
    const immutable = 'public, max-age=31536000, immutable';
    const brief = 'public, max-age=60, must-revalidate';
    expect(await head('test-3.cdiff')).toEqual(['application/octet-stream', immutable]);
    expect(await head('test.cvd')).toEqual(['application/octet-stream', brief]);
    expect(await head('timestamp')).toEqual(['text/plain; charset=utf-8', brief]);
    expect(await head(MANIFEST)).toEqual(['application/json', brief]);
    const cvd = await it.bucket.client.send(
      new HeadObjectCommand({ Bucket: it.bucket.name, Key: 'test.cvd' }),
    );
    const built = String(Date.parse(recordOf(3).built) / 1000);
    expect(cvd.Metadata).toEqual({ sha256: sha256(cvdOf(3)), mtime: built });
    expect(cvd.LastModified?.getTime()).toBeGreaterThan(Date.parse(recordOf(3).built)); // clamav-formats.md §0.4
  });

  test('answers a version check while a CVD is replaced, however small', async () => {
    const versions = ['old', 'new'].map((version) => Buffer.alloc(300_000, version));
    const heads = versions.map((version) => version.toString('latin1', 0, 512));
    await it.bucket.openToAll();
    const publish = (at: number) => publishOne(it.direct, 'test.cvd', versions[at % 2] ?? '', String(at));
    await publish(0);
    let running = true;
    const answers = new Set<string>();
    const look = async () => {
      while (running) {
        const url = `${ceph.endpoint}/${it.bucket.name}/test.cvd`;
        const answer = await fetch(url, { headers: { Range: 'bytes=0-511' } });
        answers.add(`${answer.status} ${await answer.text()}`);
      }
    };
    const publishAll = async () => {
      for (let at = 1; at <= 8; at++) await publish(at);
    };
    await Promise.all([look(), look(), look(), publishAll().finally(() => (running = false))]);
    expect(answers).toEqual(new Set(heads.map((head) => `206 ${head}`)));
  });

  test('with more than a thousand objects is listed whole', async () => {
    const names = [...Array(1100).keys()].map((number) => `their-${number} & +%20.txt`);
    for (let at = 0; at < names.length; at += 50)
      await Promise.all(names.slice(at, at + 50).map((name) => it.bucket.plant(name, 'x')));
    expect([...(await it.direct.list()).keys()].sort()).toEqual(names.sort());
  });

  describe('a lease', () => {
    const LEASE = `${PRIVATE_FOLDER}/lease`;
    const over = { timeout: 60_000, interval: 300 };
    beforeEach(async () => {
      it = await proxied(ceph, { ...SHORT, lease: 8000 }); // outlives a busy moment of this machine between two renewals
    });

    test('of a run that was killed ends, and what the run left is cleared up', async () => {
      const killed = await it.store.begin(undefined);
      const large = Buffer.alloc(2_000_000, 'proven');
      await killed.put('test.cvd', await source(large), { sha256: sha256(large) });
      const noted = async () => JSON.parse(String(await it.bucket.get(LEASE))).uploads.length;
      await expect.poll(noted, over).toBe(1);
      it.proxy.fault = () => ({ status: 403, code: 'AccessDenied' }); // nothing more comes from it
      await expect(it.direct.begin(undefined)).rejects.toMatchObject({ code: 'store/busy' });
      await expect
        .poll(() => it.direct.begin(undefined).then((next) => next[Symbol.asyncDispose]()), over)
        .toBe(undefined);
      expect(await corner()).toEqual([]);
      expect(await it.bucket.uploads()).toBe(0);
      await expect(killed.commit('{}')).rejects.toMatchObject({ code: 'store/conflict' });
      await killed[Symbol.asyncDispose]();
    });

    test('gives no right to end uploads of others', async () => {
      for (const Key of ['local_rules.cvd', 'theirs.iso', 'deeper/test.cvd', 'test.cvd'])
        await it.bucket.client.send(new CreateMultipartUploadCommand({ Bucket: it.bucket.name, Key }));
      await using _publication = await it.store.begin(undefined);
      expect(await it.bucket.uploads()).toBe(4);
    });

    test('that names uploads of the owner by names that are not ours gives no right to end them', async () => {
      const { client, name: Bucket } = it.bucket;
      const ids: { name: string; id: string }[] = [];
      for (const Key of ['local_rules.cvd', 'archive/local_mine-5.cvd', 'theirs.iso', 'test.cvd']) {
        const { UploadId = '' } = await client.send(new CreateMultipartUploadCommand({ Bucket, Key }));
        ids.push({ name: Key, id: UploadId });
      }
      const lease = { owner: 'somebody', seconds: -10, renewals: 1, uploads: ids };
      await it.bucket.plant(LEASE, JSON.stringify(lease));
      await using _publication = await it.store.begin(undefined);
      expect(await it.bucket.uploads()).toBe(3);
    });

    test('is renewed as long as its run lives', async () => {
      await using _living = await it.store.begin(undefined);
      const renewals = () => it.proxy.seen.filter((line) => /^PUT .*\/lease/.test(line)).length;
      // what is renewed so often has outlived its first term
      await expect
        .poll(async () => {
          await expect(it.direct.begin(undefined)).rejects.toMatchObject({ code: 'store/busy' });
          return renewals();
        }, over)
        .toBeGreaterThan(4);
    });

    test('that somebody took away or overwrote ends the publication before anything is seen', async () => {
      for (const harm of [() => it.bucket.remove(LEASE), () => it.bucket.plant(LEASE, '{}')]) {
        const publication = await it.store.begin(undefined);
        await publication.put('test.cvd', await source('proven'), { sha256: sha256('proven') });
        await harm();
        await expect(publication.commit('{}')).rejects.toMatchObject({ code: 'store/conflict' });
        await publication[Symbol.asyncDispose]();
        expect((await it.bucket.keys()).filter((key) => key !== LEASE)).toEqual([]);
        await it.bucket.remove(LEASE);
      }
    });
  });

  test('a manifest that another tool replaces meanwhile stays, and nothing of ours is seen', async () => {
    await using publication = await it.store.begin(undefined);
    await publication.put('test.cvd', await source('proven'), { sha256: sha256('proven') });
    await it.bucket.plant(MANIFEST, 'theirs');
    await expect(publication.commit('ours')).rejects.toMatchObject({ code: 'store/conflict' });
    expect(await it.bucket.get(MANIFEST)).toEqual(Buffer.from('theirs'));
    expect(await it.bucket.get('test.cvd')).toBeUndefined();
  });

  test('a manifest that another tool replaces at the last moment stays', async () => {
    await using publication = await it.store.begin(undefined);
    await publication.put('test.cvd', await source('proven'), { sha256: sha256('proven') });
    it.proxy.fault = async ({ line }) => {
      if (line.startsWith('PUT') && line.includes(MANIFEST)) await it.bucket.plant(MANIFEST, 'theirs');
      return undefined;
    };
    await expect(publication.commit('ours')).rejects.toMatchObject({ code: 'store/conflict' });
    expect(await it.bucket.get(MANIFEST)).toEqual(Buffer.from('theirs'));
  });

  describe('that knows no conditions', () => {
    beforeEach(async () => {
      await it.bucket.openToAll(); // a signature covers the conditions, so it goes with them
      for (const name of ['if-match', 'if-none-match', 'authorization']) it.proxy.strip.add(name);
    });

    test('is found out, and what is lost is said', async () => {
      expect((await it.store.describeAbilities()).join(' ')).toMatch(/only one machine/);
    });

    test('still lets one of several publishers at once win', { timeout: 60_000 }, async () => {
      const path = await source('proven');
      const settings = s3Settings(`s3://${it.bucket.name}`, { endpoint: it.proxy.url });
      const ends = await Promise.allSettled(
        [...Array(8).keys()].map(async (number) => {
          await using publication = await new S3Store(settings).begin(undefined);
          await publication.put('test.cvd', path, { sha256: sha256('proven') });
          await publication.commit(String(number));
          return String(number);
        }),
      );
      const won = ends.flatMap((end) => (end.status === 'fulfilled' ? [end.value] : []));
      expect(won).toHaveLength(1);
      expect(String(await it.bucket.get(MANIFEST))).toBe(won[0]);
      expect(await corner()).toEqual([]);
    });

    test('sees a manifest that was replaced', async () => {
      await publishOne(it.store, 'test.cvd', 'proven', 'first');
      await using publication = await it.store.begin((await it.store.readManifest())?.tag);
      await it.bucket.plant(MANIFEST, 'theirs');
      await expect(publication.commit('ours')).rejects.toMatchObject({ code: 'store/conflict' });
    });
  });

  describe('says what is wrong, and no secret', () => {
    const SECRET = 'secret-of-nobody';
    const open = (bucket: string, endpoint = ceph.endpoint) =>
      new S3Store(s3Settings(`s3://${bucket}`, { endpoint }));
    const expectCode = async (store: S3Store, code: string) => {
      for (const ask of [() => store.readManifest(), () => store.list(), () => store.begin(undefined)]) {
        const error = await ask().then(
          () => 'no error',
          (error) => error,
        );
        expect(error).toMatchObject({ code });
        expect(explain(error)).not.toContain(SECRET);
        expect(JSON.stringify(error)).not.toContain(SECRET);
      }
    };
    const withKey = async (key: string, secret: string, run: () => Promise<void>) => {
      const before = { ...process.env };
      process.env.AWS_ACCESS_KEY_ID = key;
      process.env.AWS_SECRET_ACCESS_KEY = secret;
      await run().finally(() => Object.assign(process.env, before));
    };

    test('of wrong credentials', async () => {
      await withKey('nobody', SECRET, () => expectCode(open(it.bucket.name), 'store/credentials'));
      await withKey('test', SECRET, () => expectCode(open(it.bucket.name), 'store/credentials'));
    });

    test('of a bucket that is not there', async () => {
      await expectCode(open('there-is-no-such-bucket'), 'store/no-bucket');
    });

    test('of a bucket that is somebody else’s', async () => {
      const uid = `user-${it.bucket.name}`;
      await cephAdmin(
        ceph,
        'user',
        'create',
        `--uid=${uid}`,
        '--display-name=x',
        `--access-key=${uid}`,
        `--secret-key=${SECRET}`,
      );
      await withKey(uid, SECRET, () => expectCode(open(it.bucket.name), 'store/denied'));
    });

    test('of an endpoint where nobody is', { timeout: 60_000 }, async () => {
      const store = open(it.bucket.name, 'http://127.0.0.1:9');
      await expect(store.readManifest()).rejects.toMatchObject({ code: 'store/unreachable' });
    });

    test('of a full bucket, before anything is seen', async () => {
      await publishOne(it.store, 'test.cvd', 'old');
      const quota = ['--quota-scope=bucket', `--bucket=${it.bucket.name}`];
      await cephAdmin(ceph, 'quota', 'set', ...quota, '--max-size=10000000');
      await cephAdmin(ceph, 'quota', 'enable', ...quota);
      const big = publishOne(it.store, 'test.cvd', Buffer.alloc(20_000_000), 'new');
      await expect(big).rejects.toMatchObject({ code: 'store/full' });
      expect(await it.bucket.keys()).toEqual([MANIFEST, 'test.cvd']);
      expect(await it.bucket.get('test.cvd')).toEqual(Buffer.from('old'));
      expect(await it.bucket.uploads()).toBe(0);
    });

    test('of a bucket that is full only at the commit, before a CVD is seen', async () => {
      await publishOne(it.store, 'test.cvd', 'old');
      it.proxy.fault = ({ line }) =>
        /^PUT .*\.cdiff/.test(line) ? { status: 403, code: 'QuotaExceeded' } : undefined;
      {
        await using publication = await it.store.begin((await it.store.readManifest())?.tag);
        const path = await source('new');
        for (const name of ['test.cvd', 'test-6.cdiff'])
          await publication.put(name, path, { sha256: sha256('new') });
        await expect(publication.commit('new')).rejects.toMatchObject({ code: 'store/full' });
      }
      expect(await it.bucket.keys()).toEqual([MANIFEST, 'test.cvd']);
      expect(await it.bucket.get('test.cvd')).toEqual(Buffer.from('old'));
      expect(await it.bucket.uploads()).toBe(0);
    });

    test('of clocks that differ', async () => {
      it.proxy.fault = () => ({ status: 403, code: 'RequestTimeTooSkewed' });
      await expectCode(it.store, 'store/clock');
    });
  });

  test('takes a publication from a machine whose clock is two hours wrong', async () => {
    const now = Date.now;
    Date.now = () => now() - 7_200_000;
    try {
      await publishOne(it.direct, 'test.cvd', 'proven');
    } finally {
      Date.now = now;
    }
    expect(await it.bucket.get('test.cvd')).toEqual(Buffer.from('proven'));
  });

  describe('over a bad network', () => {
    const BYTES = Buffer.alloc(20_000_000, 'a CVD ');

    test.each([
      ['is slow', { delay: 100 }, 1],
      ['fails', { status: 500, code: 'InternalError' }, 3],
      ['asks to slow down', { status: 503, code: 'SlowDown' }, 3],
      ['cuts connections', 'cut', 3],
      ['loses answers', 'lose-answer', 3],
    ] as const)('that %s a publication comes through whole', { timeout: 60_000 }, async (_, fault, each) => {
      const once = new Set<string>();
      it.proxy.fault = ({ number, line }) => {
        if (number % each !== 0 || once.has(line)) return undefined;
        once.add(line);
        return fault;
      };
      await publishOne(it.store, 'test.cvd', BYTES);
      expect((await it.bucket.get('test.cvd'))?.equals(BYTES)).toBe(true);
      expect(once.size).toBeGreaterThan(4);
      expect(await corner()).toEqual([]);
    });

    test.each([
      ['small', Buffer.from('proven')],
      ['large', BYTES],
    ])('that changes a byte of a %s file the store itself refuses it', async (_, bytes) => {
      it.proxy.fault = ({ line }) => (/^PUT .*\/test\.cvd/.test(line) ? 'damage' : undefined);
      const end = publishOne(it.store, 'test.cvd', bytes);
      await expect(end).rejects.toMatchObject({ code: 'store/failed' });
      expect(await it.bucket.keys()).toEqual([]);
      expect(await it.bucket.uploads()).toBe(0);
    });

    test('that cuts answers a file is fetched whole', async () => {
      await publishOne(it.direct, 'test.cvd', BYTES);
      let cuts = 0;
      it.proxy.fault = () => (cuts++ < 2 ? 'cut-answer' : undefined);
      await it.store.fetch('test.cvd', join(outside, 'copy'));
      expect((await readFile(join(outside, 'copy'))).equals(BYTES)).toBe(true);
      expect(cuts).toBe(3);
    });
  });
});
