import { writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { HeadObjectCommand } from '@aws-sdk/client-s3';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { storeSettings } from '../../../scripts/settings/commands/store.ts';
import { PRIVATE_FOLDER } from '../../../scripts/store/file-name.ts';
import { openStore } from '../../../scripts/store/open.ts';
import type { Store } from '../../../scripts/store/store.ts';
import { MANIFEST } from '../../../scripts/store/store.ts';
import { runCli } from '../../support/mirror/cli.ts';
import { CEPH_ENVIRONMENT } from '../../support/s3/ceph.ts';
import { describeWithCeph, newBucket, type TestBucket } from '../../support/s3/s3.ts';
import { type Passing, startFaultProxy } from '../../support/web/fault-proxy.ts';
import { cvdOf, startArchivingIn } from '../archiving.ts';
import { sha256, temporaryFolder } from '../support.ts';

const LEASE = `${PRIVATE_FOLDER}/lease`;

describeWithCeph('a bucket', (ceph) => {
  let bucket: TestBucket;
  beforeEach(async () => {
    bucket = await newBucket(ceph);
  });
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  const open = async (
    flags: Record<string, string>,
    {
      endpoint = ceph.endpoint,
      environment = {},
    }: { endpoint?: string; environment?: Record<string, string> } = {},
  ): Promise<Store> => {
    const where = { store: `s3://${bucket.name}`, 's3-endpoint': endpoint };
    const { store, s3 } = storeSettings({ flags: { ...where, ...flags }, environment });
    return await openStore(store, s3);
  };
  /** A file that goes in parts, another one that does not, and what is to be looked at while the publication is under way. */
  const publish = async (store: Store, meanwhile: () => Promise<void> = async () => {}) => {
    const [small, large] = [Buffer.from('proven'), Buffer.alloc(20_000_000, 'proven')];
    const folder = temporaryFolder();
    await writeFile(join(folder, 'small'), small);
    await writeFile(join(folder, 'large'), large);
    await using publication = await store.begin((await store.readManifest())?.tag);
    await publication.put('test-2.cdiff', join(folder, 'small'), { sha256: sha256(small) });
    await publication.put('test.cvd', join(folder, 'large'), { sha256: sha256(large) });
    await meanwhile();
    await publication.commit('{}');
  };
  const head = async (Key: string) =>
    await bucket.client.send(new HeadObjectCommand({ Bucket: bucket.name, Key }));
  const anonymously = async (key: string) => (await fetch(`${ceph.endpoint}/${bucket.name}/${key}`)).status;

  test('with a public ACL lets everybody read what is published, and nothing else', async () => {
    const store = await open({ 's3-acl': 'public-read' });
    await publish(store, async () => expect(await anonymously(LEASE)).toBe(403));
    for (const name of ['test.cvd', 'test-2.cdiff', MANIFEST]) expect(await anonymously(name)).toBe(200);
  });

  // Ceph 16 copies no encrypted object (501), so what goes into the archive is sent
  test('with a key of its own is encrypted, and so is the archive', async () => {
    const store = await open({ 's3-encryption': 'aws:kms', 's3-kms-key': 'test-key' });
    const mirror = startArchivingIn(store);
    await mirror.publish(3);
    await mirror.publish(4);
    const encrypted = { ServerSideEncryption: 'aws:kms', SSEKMSKeyId: 'test-key' };
    const keys = await bucket.keys();
    expect(await bucket.get('archive/test-3.cvd')).toEqual(cvdOf(3));
    for (const key of keys) expect(await head(key)).toMatchObject(encrypted);
    await publish(store, async () => expect(await head(LEASE)).toMatchObject(encrypted));
    expect(await head('test.cvd')).toMatchObject(encrypted);
    expect((await bucket.get('test.cvd'))?.equals(Buffer.alloc(20_000_000, 'proven'))).toBe(true);
  });

  test('with a storage class that it has takes it', async () => {
    await publish(await open({ 's3-storage-class': 'STANDARD' }));
    expect(await bucket.keys()).toEqual([MANIFEST, 'test-2.cdiff', 'test.cvd']);
  });

  test.each([
    { 's3-acl': 'nonsense' },
    { 's3-storage-class': 'NONSENSE' },
    ...(ceph.version === 16 ? [] : [{ 's3-encryption': 'AES256' }]), // which looks for no Vault
  ])('that refuses %o says so, and nothing is seen', async (flags) => {
    await expect(publish(await open(flags))).rejects.toMatchObject({
      code: 'store/failed',
      advice: expect.stringContaining(Object.keys(flags)[0] ?? ''),
    });
    expect(await bucket.keys()).toEqual([]);
    expect(await bucket.uploads()).toBe(0);
  });

  test('is asked for encryption, class and ACL wherever an object comes to be', async () => {
    await bucket.openToAll(); // a signature covers these headers, so it goes with them
    await using proxy = await startFaultProxy(ceph.endpoint);
    const kept: readonly string[] = [
      'x-amz-server-side-encryption',
      'x-amz-server-side-encryption-aws-kms-key-id',
      'x-amz-storage-class',
      'x-amz-acl',
    ];
    for (const name of [...kept, 'authorization']) proxy.strip.add(name);
    const seen: { kind: string; asked: string }[] = [];
    proxy.fault = ({ line, headers }) => {
      const kind = kindOf(line, headers);
      const asked = kept.map((name) => headers[name] ?? '-').join(' ');
      if (kind !== undefined) seen.push({ kind, asked });
      return undefined;
    };
    const flags = {
      's3-encryption': 'aws:kms',
      's3-kms-key': 'our-key',
      's3-storage-class': 'STANDARD_IA',
      's3-acl': 'public-read',
    };
    const store = await open(flags, { endpoint: proxy.url });
    const mirror = startArchivingIn(store);
    await mirror.publish(3);
    await mirror.publish(4);
    await publish(store);
    const all = 'aws:kms our-key STANDARD_IA public-read';
    expect(
      new Map(seen.map(({ kind, asked }) => [`${kind}: ${asked}`, true])).keys().toArray().sort(),
    ).toEqual([
      `copy: ${all}`,
      'lease: aws:kms our-key - -',
      `object: ${all}`,
      'part: - - - -',
      'trial: aws:kms our-key - -',
      `upload in parts: ${all}`,
    ]);
  });

  describe('in a region', () => {
    /** The region that requests are signed for. */
    const signedFor = async (flags: Record<string, string>, environment: Record<string, string>) => {
      await using proxy = await startFaultProxy(ceph.endpoint);
      let region: string | undefined;
      proxy.fault = ({ headers }) => {
        region = /Credential=[^/]+\/\d+\/([^/]+)\/s3/.exec(headers.authorization ?? '')?.[1];
        return undefined;
      };
      await (await open(flags, { endpoint: proxy.url, environment })).readManifest();
      return region;
    };
    const profile = (text: string) => {
      const path = join(temporaryFolder(), 'config'); // the SDK reads each path once
      writeFileSync(path, text);
      vi.stubEnv('AWS_CONFIG_FILE', path);
      vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', `${path}.none`);
    };

    test('at an endpoint, the option counts first, then the environment, then the profile', async () => {
      profile('[default]\nregion = of-profile\n');
      const environment = { AWS_REGION: 'of-env', AWS_DEFAULT_REGION: 'of-default' };
      expect(await signedFor({ 's3-region': 'of-option' }, environment)).toBe('of-option');
      expect(await signedFor({}, environment)).toBe('of-env');
      expect(await signedFor({}, { AWS_REGION: '', AWS_DEFAULT_REGION: 'of-default' })).toBe('of-default');
      expect(await signedFor({}, {})).toBe('of-profile');
    });

    test('at an endpoint, it is us-east-1 if nobody says another', async () => {
      profile('');
      expect(await signedFor({}, {})).toBe('us-east-1');
    });
  });

  test('is described by status with what it promises', async () => {
    const args = ['status', '--store', `s3://${bucket.name}`, '--s3-endpoint', ceph.endpoint];
    const environment = { ...CEPH_ENVIRONMENT };
    const empty = await runCli(args, { environment });
    expect(empty.stdout).toMatch(
      /nothing was ever published[^\0]*one\s+succeeds\s+and\s+the\s+other\s+stops/,
    );
    await startArchivingIn(await open({})).publish(3);
    const shown = await runCli(args, { environment });
    expect(shown).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/It keeps conditions/) });
    expect((await runCli([...args, '--json'], { environment })).json()).toMatchObject({
      promises: [expect.stringContaining('keeps conditions')],
    });
    expect(shown.stdout + shown.stderr + empty.stdout + empty.stderr).not.toContain(
      CEPH_ENVIRONMENT.AWS_SECRET_ACCESS_KEY,
    );
  });
});

/** What a request makes; nothing, if it makes no object. */
function kindOf(line: string, headers: Passing['headers']): string | undefined {
  if (line.startsWith('POST') && /[?&]uploads/.test(line)) return 'upload in parts';
  if (!line.startsWith('PUT')) return undefined;
  if (headers['x-amz-copy-source'] !== undefined) return 'copy';
  if (line.includes('partNumber=')) return 'part';
  return /\/\.clamav-mirror\/(lease|trial)/.exec(line)?.[1] ?? 'object';
}
