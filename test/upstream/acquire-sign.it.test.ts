import { createHash, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { acquireCdiffs } from '../../scripts/upstream/acquire-cdiffs.ts';
import { acquireCvd } from '../../scripts/upstream/acquire-cvd.ts';
import { askForSign, type SignOutcome, stageSign } from '../../scripts/upstream/acquire-sign.ts';
import { TALOS, type Trust } from '../../scripts/verify/trust.ts';
import { describeWithSigns, signFolder } from '../support/official.ts';
import {
  CLOCK,
  describeWithOpenssl,
  SIGNED_FILE,
  SignAuthority,
  type Signed,
  signFile,
} from '../support/sign-authority.ts';
import { testTrust } from '../support/signing.ts';
import { type Acquiring, databasesOf, startAcquiring } from './acquiring.ts';

const NAME = 'test-6.cvd.sign';

describeWithOpenssl('a .sign file', () => {
  const authority = new SignAuthority();
  let good: Signed = { der: Buffer.alloc(0), roots: [] };
  beforeAll(() => {
    good = authority.signed();
  });
  afterAll(() => authority[Symbol.dispose]());

  /** Acquires this `.sign` of a file; `roots` are trusted. */
  async function acquire(
    sign: Uint8Array | undefined,
    roots: Trust['roots'],
    file: Uint8Array = SIGNED_FILE,
  ) {
    const trust = testTrust({ roots, now: () => CLOCK });
    await using it = await startAcquiring(new Map(sign && [[NAME, sign]]), { trust });
    await writeFile(it.stage.incoming('test.cvd'), file);
    const signed = {
      sha256: createHash('sha256').update(file).digest('hex'),
      path: async () => it.stage.incoming('test.cvd'),
    };
    const answer = await askForSign(NAME, it.parts.client);
    if (answer === 'unchanged') throw new Error('nothing was asked under a condition');
    const outcome: SignOutcome | string = await stageSign(NAME, answer, signed, it.parts).catch(
      (error) => error.code,
    );
    const staged = it.staged();
    const bytes = staged.includes(NAME) ? await readFile(it.stage.path(NAME)) : undefined;
    const state = typeof outcome === 'string' ? outcome : outcome.state;
    return { state, staged, bytes, warnings: it.warnings };
  }

  test('is mirrored byte for byte if it is good', async () => {
    const sign = signFile(good.der);
    const { state, bytes, warnings } = await acquire(sign, good.roots);
    expect(state).toBe('published');
    expect(bytes?.equals(sign)).toBe(true);
    expect(warnings).toEqual([]);
  });

  test('may be missing: upstream need not have one', async () => {
    expect(await acquire(undefined, [])).toEqual({ state: 'missing', staged: [], warnings: [] });
  });

  const text = () => Buffer.from(signFile(good.der)).toString('latin1');
  const expired = () => authority.signed({ leaf: { until: '2026-05-31' } });
  const odd: Readonly<Record<string, () => [sign: Uint8Array, roots: Trust['roots']]>> = {
    'of a signer we do not know': () => [signFile(good.der), []],
    'without its intermediate certificate': () => {
      const { root, leaf } = authority.chain();
      return [signFile(authority.sign(leaf, [])), [root]];
    },
    'that has expired': () => [signFile(expired().der), expired().roots],
    'that ends within the next hours': () => {
      const { der, roots } = authority.signed({ leaf: { until: '2026-06-01T06:00' } });
      return [signFile(der), roots];
    },
    'that is an HTML page': () => [Buffer.from('<html>Sorry</html>'), []],
    'that is too large': () => [Buffer.alloc(65_537, '#'), []],
    'without a final newline': () => [Buffer.from(text().trimEnd(), 'latin1'), good.roots],
    'with lines that end as on Windows': () => [Buffer.from(text().replaceAll('\n', '\r\n')), good.roots],
    'with a space at the end of a line': () => [Buffer.from(text().replace(/\n$/, ' \n')), good.roots],
    'with another line behind it': () => [Buffer.from(`${text()}garbage\n`), good.roots],
    'with bytes behind the signature': () => [
      signFile(Buffer.concat([good.der, Buffer.alloc(3)])),
      good.roots,
    ],
    'of a later form': () => [Buffer.from(text().replace('1.0', '1.1')), good.roots],
    'that holds its first line only': () => [Buffer.from('#clamsign-1.0\n'), good.roots],
    'that is empty': () => [Buffer.alloc(0), good.roots],
  };

  test.for(Object.keys(odd))('%s is withheld with a warning', async (name) => {
    const [sign, roots] = odd[name]?.() ?? [Buffer.alloc(0), []];
    const { state, staged, warnings } = await acquire(sign, roots);
    expect({ state, staged }).toEqual({ state: 'withheld', staged: [] });
    expect(warnings).toEqual([expect.stringContaining(NAME)]);
  });

  test('of another file by a signer we know is refused', async () => {
    const { state, staged } = await acquire(signFile(good.der), good.roots, Buffer.from('another file'));
    expect({ state, staged }).toEqual({ state: 'verify/signature', staged: [] });
  });

  test('of another file by a signer nobody knows is withheld', async () => {
    const { state } = await acquire(signFile(good.der), [], Buffer.from('another file'));
    expect(state).toBe('withheld');
  });
});

describeWithSigns("Talos' databases with their .sign files", () => {
  const path = (name: string) => join(signFolder ?? '', name);
  const names = (version: number) => [`test-${version}.cdiff`, `test-${version}.cdiff.sign`];
  const files = () =>
    new Map([
      ['test.cvd', path('test-6.cvd')],
      ['test-6.cvd.sign', path('test-6.cvd.sign')],
      ...[2, 3, 4, 5, 6].flatMap(names).map((name) => [name, path(name)] as const),
    ]);
  const trust = () => {
    const root = new X509Certificate(readFileSync(path('clamav-test-root.crt')));
    return { ...TALOS, roots: [{ certificate: root.raw }], now: () => CLOCK };
  };
  /** The cycle asks for that one before it takes the CVD. */
  const withoutSignOfCvd = () => [...files().keys()].filter((name) => name !== 'test-6.cvd.sign').sort();
  const acquireAll = async (it: Acquiring) => {
    const chain = await acquireCdiffs('test', 6, undefined, it.parts);
    return { ...chain, ...(await acquireCvd(await it.offer(), undefined, it.parts)) };
  };

  test('are acquired whole', async () => {
    await using it = await startAcquiring(files(), { trust: trust() });
    const { cdiffs, cvd } = await acquireAll(it);
    expect(cdiffs).toEqual({ first: 2, last: 6 });
    expect(cvd).toMatchObject({ database: 'test', header: { version: 6 } });
    expect(it.staged()).toEqual(withoutSignOfCvd());
    for (const [name, source] of files()) {
      if (name === 'test-6.cvd.sign') continue;
      expect((await readFile(it.stage.path(name))).equals(await readFile(source))).toBe(true);
    }
    expect(it.warnings).toEqual([]);
  });

  test('are acquired without them by whoever trusts the root of production only', async () => {
    await using it = await startAcquiring(files(), { trust: { ...TALOS, now: () => CLOCK } });
    await acquireAll(it);
    expect(it.staged()).toEqual(databasesOf([...files().keys()]).sort());
    expect(it.warnings).toHaveLength(5);
  });

  test('are refused if the .sign of another version lies beside one', async () => {
    await using it = await startAcquiring(files(), { trust: trust() });
    it.upstream.set('test-5.cdiff.sign', path('test-4.cdiff.sign'));
    await expect(acquireCdiffs('test', 6, undefined, it.parts)).rejects.toMatchObject({
      code: 'verify/signature',
    });
    expect(it.staged()).toEqual(names(6));
  });
});
