import { expect, test } from 'vitest';
import { acquireExtras } from '../../scripts/extras/acquire.ts';
import type { ExtraSource } from '../../scripts/extras/extra.ts';
import { describeWithGpg, describeWithMinisign, gpgSigner, minisignSigner } from '../support/sign/signers.ts';
import { contextIn, feed, folder, RULE, recordOf, source } from './support.ts';

/** What comes of an extra whose source serves these files. */
async function outcomeOf(
  files: Readonly<Record<string, string | Buffer>>,
  change: (url: string) => Partial<ExtraSource>,
): Promise<string> {
  const { url } = await feed(({ url = '' }, response) => {
    const file = files[url];
    response.writeHead(file === undefined ? 404 : 200).end(file);
  });
  const wanted = [source('own.ndb', `${url}/own.ndb?token`, change(url))];
  const now = () => new Date(); // the programs sign by their own clock
  const [acquired] = await acquireExtras(wanted, contextIn(await folder(), { now }));
  return acquired?.code ?? acquired?.outcome ?? 'nothing';
}

describeWithMinisign('a signature of the real minisign', () => {
  test.each([
    ['over a hash', []],
    ['of the older kind, over the file', ['-l']],
    ['with a trusted comment', ['-t', 'timestamp:1 file:own.ndb']],
  ])('%s is good', async (_, args) => {
    const { key, sign } = minisignSigner();
    const files = { '/own.ndb?token': RULE, '/own.ndb.minisig?token': sign(RULE, ...args) };
    expect(await outcomeOf(files, () => ({ minisign: { key } }))).toBe('new');
  });

  test('is taken from another address', async () => {
    const { key, sign } = minisignSigner();
    const files = { '/own.ndb?token': RULE, '/signatures': sign(RULE) };
    expect(await outcomeOf(files, (url) => ({ minisign: { key, from: `${url}/signatures` } }))).toBe('new');
  });

  test.each([
    ['of other bytes', (good: string) => good, `${RULE}#`],
    ['with a changed comment', (good: string) => good.replace('timestamp', 'timestamp2'), RULE],
    ['cut in two', (good: string) => good.slice(0, 200), RULE],
    ['that is a page', () => '<html></html>', RULE],
  ])('%s is refused', async (_, changed, bytes) => {
    const { key, sign } = minisignSigner();
    const files = { '/own.ndb?token': bytes, '/own.ndb.minisig?token': changed(sign(RULE)) };
    expect(await outcomeOf(files, () => ({ minisign: { key } }))).toBe('extra/signature');
  });

  test('of another key is refused, and a missing one is a failure', async () => {
    const { key, sign } = minisignSigner();
    const other = minisignSigner();
    const files = { '/own.ndb?token': RULE, '/own.ndb.minisig?token': other.sign(RULE) };
    expect(await outcomeOf(files, () => ({ minisign: { key } }))).toBe('extra/signature');
    expect(await outcomeOf({ '/own.ndb?token': RULE }, () => ({ minisign: { key } }))).toBe('extra/gone');
    expect(sign(RULE)).toContain('trusted comment');
  });
});

describeWithGpg('a signature of the real gpg', () => {
  test.each(['ed25519', 'rsa2048', 'nistp256'])(
    'of a key of the kind %s is good, armored too',
    async (kind) => {
      const { armored, binary, sign } = gpgSigner(kind);
      for (const keys of [armored, binary])
        for (const args of [[], ['--armor']]) {
          const files = { '/own.ndb?token': RULE, '/own.ndb.sig?token': sign(RULE, ...args) };
          expect(await outcomeOf(files, () => ({ gpg: { keys } }))).toBe('new');
        }
    },
  );

  test('of other bytes, of another key or with a weak hash is refused', async () => {
    const { armored: keys, sign } = gpgSigner('rsa2048');
    const other = gpgSigner('ed25519');
    const of = async (bytes: string, signature: Buffer | string) =>
      await outcomeOf({ '/own.ndb?token': bytes, '/own.ndb.sig?token': signature }, () => ({
        gpg: { keys },
      }));
    expect(await of(`${RULE}#`, sign(RULE))).toBe('extra/signature');
    expect(await of(RULE, other.sign(RULE))).toBe('extra/signature');
    expect(await of(RULE, sign(RULE, '--digest-algo', 'SHA1'))).toBe('extra/signature');
    expect(await of(RULE, '<html></html>')).toBe('extra/signature');
  });

  test('of a key of a weak kind is refused', async () => {
    const { armored: keys, sign } = gpgSigner('dsa1024');
    const files = { '/own.ndb?token': RULE, '/own.ndb.sig?token': sign(RULE) };
    expect(await outcomeOf(files, () => ({ gpg: { keys } }))).toBe('extra/signature');
  });

  test('cannot be looked at without keys: that is a failure, and not of the file', async () => {
    const { sign } = gpgSigner('ed25519');
    const files = { '/own.ndb?token': RULE, '/own.ndb.sig?token': sign(RULE) };
    expect(await outcomeOf(files, () => ({ gpg: { keys: '/nowhere' } }))).toBe('extra/keys');
  });
});

test.each([
  ['the hash alone', (hash: string) => hash],
  ['as sha256sum writes it', (hash: string) => `${hash}  own.ndb\n`],
  ['as sha256sum -b writes it, with a folder', (hash: string) => `${hash} *./pub/own.ndb\r\n`],
  ['as BSD writes it', (hash: string) => `SHA256 (own.ndb) = ${hash}\n`],
  ['in a list', (hash: string) => `${'0'.repeat(64)}  other.ndb\n${hash.toUpperCase()}  own.ndb\n`],
])('a list of hashes may be %s', async (_, list) => {
  const files = { '/own.ndb?token': RULE, '/sums': list(recordOf(RULE).sha256) };
  expect(await outcomeOf(files, (url) => ({ sha256From: `${url}/sums` }))).toBe('new');
});

test.each([
  ['names another hash', `${'0'.repeat(64)}  own.ndb\n`],
  ['names other files', `${'0'.repeat(64)}  a.ndb\n${'1'.repeat(64)}  b.ndb\n`],
  ['is a page', '<html></html>'],
])('a list of hashes that %s refuses the file', async (_, list) => {
  const files = { '/own.ndb?token': RULE, '/sums': list };
  expect(await outcomeOf(files, (url) => ({ sha256From: `${url}/sums` }))).toBe('extra/hash');
});

test('a hash that settings name must be that of the file', async () => {
  expect(await outcomeOf({ '/own.ndb?token': RULE }, () => ({ sha256: '0'.repeat(64) }))).toBe('extra/hash');
});
