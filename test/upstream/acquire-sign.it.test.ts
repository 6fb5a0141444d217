import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { acquireCdiffs } from '../../scripts/upstream/acquire-cdiffs.ts';
import { acquireCvd } from '../../scripts/upstream/acquire-cvd.ts';
import { acquireSign } from '../../scripts/upstream/acquire-sign.ts';
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
    const code = await acquireSign(NAME, it.stage.incoming('test.cvd'), it.parts).then(
      () => undefined,
      (error) => error.code,
    );
    const staged = it.staged();
    const bytes = staged.includes(NAME) ? await readFile(it.stage.path(NAME)) : undefined;
    return { code, staged, bytes, warnings: it.warnings };
  }

  test('is mirrored byte for byte if it is good', async () => {
    const sign = signFile(good.der);
    const { bytes, warnings } = await acquire(sign, good.roots);
    expect(bytes?.equals(sign)).toBe(true);
    expect(warnings).toEqual([]);
  });

  test('may be missing: upstream need not have one', async () => {
    expect(await acquire(undefined, [])).toEqual({ staged: [], warnings: [] });
  });

  test('of a signer we do not know is withheld with a warning', async () => {
    const { code, staged, warnings } = await acquire(signFile(good.der), []);
    expect({ code, staged }).toEqual({ staged: [] });
    expect(warnings).toEqual([expect.stringContaining(NAME)]);
  });

  test('of another file is refused', async () => {
    const { code, staged } = await acquire(signFile(good.der), good.roots, Buffer.from('another file'));
    expect({ code, staged }).toEqual({ code: 'verify/signature', staged: [] });
  });

  test('that has expired is refused', async () => {
    const { der, roots } = authority.signed({ leaf: { until: '2026-05-31' } });
    expect((await acquire(signFile(der), roots)).code).toBe('verify/signature');
  });

  test('that is an HTML page is refused', async () => {
    expect((await acquire(Buffer.from('<html>Sorry</html>'), [])).code).toBe('verify/format');
  });

  test('that is too large is refused', async () => {
    expect((await acquire(Buffer.alloc(65_537, '#'), [])).code).toBe('upstream/too-large');
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
  const acquireAll = async (it: Acquiring) => {
    const chain = await acquireCdiffs('test', 6, undefined, it.parts);
    return { ...chain, ...(await acquireCvd(await it.offer(), undefined, it.parts)) };
  };

  test('are acquired whole', async () => {
    await using it = await startAcquiring(files(), { trust: trust() });
    const { cdiffs, cvd } = await acquireAll(it);
    expect(cdiffs).toEqual({ first: 2, last: 6 });
    expect(cvd).toMatchObject({ database: 'test', header: { version: 6 } });
    expect(it.staged()).toEqual([...files().keys()].sort());
    for (const [name, source] of files()) {
      expect((await readFile(it.stage.path(name))).equals(await readFile(source))).toBe(true);
    }
    expect(it.warnings).toEqual([]);
  });

  test('are acquired without them by whoever trusts the root of production only', async () => {
    await using it = await startAcquiring(files(), { trust: { ...TALOS, now: () => CLOCK } });
    await acquireAll(it);
    expect(it.staged()).toEqual(databasesOf([...files().keys()]).sort());
    expect(it.warnings).toHaveLength(6);
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
