import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { type RequestLine, startHost } from '../../scripts/host/host.ts';
import { eicar } from '../../scripts/proof/samples/samples.ts';
import { allowedEntry } from '../mirror/extras.ts';
import { publishedMirror } from '../probe/support.ts';
import { describeWithImages, image } from '../support/docker/docker.ts';
import { clamscan } from '../support/mirror/clamscan.ts';
import { describeMirror, type TestMirror } from '../support/mirror/cycle.ts';
import { publishExtras, SOBIG, sobig, textSignature } from '../support/mirror/published-extras.ts';
import { type Fault, startUpstream } from '../support/mirror/upstream.ts';
import { official } from '../support/setup/official.ts';
import { type Consumer, plant, startConsumer } from './support.ts';

const OWN = textSignature('Own.Found', 'this is ours to find');

describeMirror('a client of a mirror with extras', () => {
  let mirror: TestMirror;
  beforeAll(async () => {
    mirror = await publishedMirror();
  });
  afterEach(async () => await publishExtras(mirror.store, {}));
  afterAll(async () => await mirror[Symbol.asyncDispose]());

  /** What ClamAV finds in each sample with all that the client has. */
  async function found({ folder }: Consumer) {
    return await clamscan(folder, {
      eicar: eicar(),
      sobig: sobig(),
      own: Buffer.from('this is ours to find'),
    });
  }
  const EICAR = 'Eicar-Test-Signature';

  test('takes them beside the databases, readable by everybody, and removes what the mirror has no more', async () => {
    await using consumer = await startConsumer();
    await using host = await startHost({ folder: mirror.store });
    const before = process.umask(0o077);
    onTestFinished(() => void process.umask(before));
    await publishExtras(
      mirror.store,
      { 'own.ndb': OWN, 'local.ign2': `${SOBIG}\n` },
      {
        allowed: [allowedEntry(SOBIG)],
      },
    );
    const report = await consumer.update(host.url);
    expect(report.extras).toEqual({ 'own.ndb': 'downloaded', 'local.ign2': 'downloaded' });
    expect(await consumer.names()).toEqual(['local.ign2', 'own.ndb', 'test.cvd']);
    expect((await stat(join(consumer.folder, 'own.ndb'))).mode & 0o777).toBe(0o644);
    expect(await found(consumer)).toEqual({ eicar: EICAR, sobig: 'OK', own: 'Own.Found.UNOFFICIAL' });

    await publishExtras(mirror.store, { 'local.ign2': '# nothing is allowed\n' });
    expect((await consumer.update(host.url)).extras).toEqual({ 'local.ign2': 'downloaded' });
    expect(await consumer.names()).toEqual(['local.ign2', 'test.cvd']);
    expect(await found(consumer)).toEqual({ eicar: EICAR, sobig: SOBIG, own: 'OK' });
  });

  test('downloads nothing that it has, and scans nothing then', async () => {
    const requests: RequestLine[] = [];
    await using consumer = await startConsumer();
    await using host = await startHost({
      folder: mirror.store,
      onRequest: (line) => void requests.push(line),
    });
    await publishExtras(mirror.store, { 'own.ndb': OWN });
    await consumer.update(host.url);
    requests.length = 0;
    expect((await consumer.update(host.url)).extras).toEqual({ 'own.ndb': 'unchanged' });
    expect(requests.map(({ path }) => path)).toEqual(['/manifest.json', '/test.cvd']);
  });

  test('takes none if it wants what Talos signed alone', async () => {
    await using consumer = await startConsumer();
    await using host = await startHost({ folder: mirror.store });
    await publishExtras(mirror.store, { 'own.ndb': OWN });
    await consumer.update(host.url);
    const report = await consumer.update(host.url, { flags: { 'talos-only': 'true' } });
    expect([report.extras, await consumer.names()]).toEqual([{}, ['test.cvd']]);
    expect(await readFile(consumer.conf, 'utf8')).not.toContain('DatabaseCustomURL');
  });

  test('writes a conf with which freshclam alone follows an allow list, also with a password', async () => {
    await using consumer = await startConsumer();
    await using host = await startHost({ folder: mirror.store });
    await publishExtras(mirror.store, { 'own.ndb': OWN, 'local.ign2': '# nothing is allowed\n' });
    const url = host.url.replace('//', '//me:s%40cret@');
    await consumer.update(url);
    expect(await readFile(consumer.conf, 'utf8')).toContain(`DatabaseCustomURL ${url}/local.ign2\n`);
    expect((await found(consumer)).sobig).toBe(SOBIG);
    await publishExtras(mirror.store, { 'own.ndb': OWN, 'local.ign2': `${SOBIG}\n` });
    const said = await consumer.freshclam();
    expect(await found(consumer), said).toEqual({ eicar: EICAR, sobig: 'OK', own: 'Own.Found.UNOFFICIAL' });
    expect((await consumer.update(url)).extras).toEqual({
      'own.ndb': 'unchanged',
      'local.ign2': 'unchanged',
    });
  });

  test.each([
    ['makes ClamAV fail', 'broken.ndb', 'this is no signature'],
    ['hides EICAR', 'hiding.ign2', `${EICAR}\n`],
    ['finds something in everything', 'eager.ndb', textSignature('Own.Eager', 'harmless')],
  ])('leaves one out that %s, with a warning, and takes all others', async (_, name, text) => {
    await using consumer = await startConsumer();
    await using host = await startHost({ folder: mirror.store });
    const others = Object.fromEntries(['a', 'b', 'c'].map((each) => [`${each}.ndb`, OWN]));
    await publishExtras(mirror.store, { ...others, [name]: text });
    const { extras, versions } = await consumer.update(host.url);
    expect(versions).toEqual({ test: 6 });
    expect(extras).toEqual({
      'a.ndb': 'downloaded',
      'b.ndb': 'downloaded',
      'c.ndb': 'downloaded',
      [name]: 'left out',
    });
    expect(await consumer.names()).toEqual(['a.ndb', 'b.ndb', 'c.ndb', 'test.cvd']);
    expect(consumer.said.some((line) => line.startsWith(`${name} of the mirror is left out`))).toBe(true);
    expect(await readFile(consumer.conf, 'utf8')).not.toContain(name);
    expect((await found(consumer)).eicar).toBe(EICAR);
  });

  test.each<[string, Fault]>([
    ['is not there', { status: 404 }],
    ['is a page', { page: '<html>Sign in</html>' }],
    ['is cut', { cutAfter: 5 }],
  ])('leaves one out that %s, and takes what else there is', async (_, fault) => {
    await using consumer = await startConsumer();
    await publishExtras(mirror.store, { 'own.ndb': OWN, 'local.sfp': '# nothing\n' });
    await using host = await startUpstream(mirror.store);
    host.fail('own.ndb', fault);
    const report = await consumer.update(host.url);
    expect(report).toMatchObject({
      versions: { test: 6 },
      extras: { 'own.ndb': 'left out', 'local.sfp': 'downloaded' },
    });
    expect(await consumer.names()).toEqual(['local.sfp', 'test.cvd']);
  });

  test('keeps those that the manifest proves when the databases cannot be updated', async () => {
    await using consumer = await startConsumer();
    await publishExtras(mirror.store, { 'local.ign2': `${SOBIG}\n` });
    await using host = await startUpstream(mirror.store);
    await consumer.update(host.url);
    await rm(join(consumer.folder, 'test.cvd'));
    host.fail('test.cvd', { status: 404 });
    await expect(consumer.update(host.url)).rejects.toMatchObject({ code: 'client/not-updated' });
    expect(await consumer.names()).toEqual(['local.ign2']);
  });

  test('gets past a publication that is under way, whose manifest comes last', async () => {
    await using consumer = await startConsumer();
    await publishExtras(mirror.store, { 'own.ndb': OWN });
    const later = await readFile(join(mirror.store, 'manifest.json'));
    await publishExtras(mirror.store, { 'own.ndb': '# as it was before\n' });
    const earlier = await readFile(join(mirror.store, 'manifest.json'));
    await writeFile(join(mirror.store, 'own.ndb'), OWN);
    let asked = 0;
    await using host = await startHost({
      folder: mirror.store,
      onRequest: ({ path }) => void (path === '/own.ndb' && asked++ === 0 && next()),
    });
    const next = () => void writeFile(join(mirror.store, 'manifest.json'), later);
    await writeFile(join(mirror.store, 'manifest.json'), earlier);
    const report = await consumer.update(host.url, { patience: { attempts: 20, wait: 50 } });
    expect(report.extras).toEqual({ 'own.ndb': 'downloaded' });
    expect(await readFile(join(consumer.folder, 'own.ndb'), 'utf8')).toBe(OWN);
  });

  describe('with a folder from a cache', () => {
    const POISON = { 'local.ign2': Buffer.from(`${EICAR}\n`), 'trust.fp': Buffer.from('1:2:3\n') };

    test('replaces an allow list that the manifest does not prove, and removes what it does not name', async () => {
      await using consumer = await startConsumer();
      await using host = await startHost({ folder: mirror.store });
      await publishExtras(mirror.store, { 'local.ign2': `${SOBIG}\n` });
      await mkdir(join(consumer.folder, '.clamav-client'), { recursive: true });
      await plant(consumer, { ...POISON, 'test.cvd': official('test-6.cvd') });
      expect((await consumer.update(host.url)).extras).toEqual({ 'local.ign2': 'downloaded' });
      expect(await consumer.names()).toEqual(['local.ign2', 'test.cvd']);
      expect(await found(consumer)).toMatchObject({ eicar: EICAR, sobig: 'OK' });
    });

    test('leaves nothing there that is not proven, when the mirror does not answer', async () => {
      await using consumer = await startConsumer();
      await mkdir(join(consumer.folder, '.clamav-client'), { recursive: true });
      await plant(consumer, { ...POISON, 'test.cvd': official('test-6.cvd') });
      await expect(consumer.update('http://127.0.0.1:1')).rejects.toMatchObject({
        code: 'probe/unreachable',
      });
      expect(await consumer.names()).toEqual(['test.cvd']);
    });
  });

  describeWithImages('oldest')('with the oldest ClamAV in a container', () => {
    test('takes them too, and leaves out what that does not load', async () => {
      await using consumer = await startConsumer();
      await using host = await startHost({ folder: mirror.store });
      await publishExtras(mirror.store, { 'own.ndb': OWN, 'broken.ndb': 'this is no signature' });
      const flags = { engines: `docker:${image('oldest')}` };
      expect((await consumer.update(host.url, { flags })).extras).toEqual({
        'own.ndb': 'downloaded',
        'broken.ndb': 'left out',
      });
    });
  });
});
