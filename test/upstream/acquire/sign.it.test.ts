import { createHash, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { acquireCdiffs } from '../../../scripts/upstream/acquire/cdiffs.ts';
import { acquireCvd } from '../../../scripts/upstream/acquire/cvd.ts';
import { askForSign, stageSign } from '../../../scripts/upstream/acquire/sign.ts';
import { TALOS, type Trust } from '../../../scripts/verify/trust.ts';
import { testTrust } from '../../support/databases/signing.ts';
import { describeWithSigns, signFolder } from '../../support/setup/official.ts';
import { CLOCK, SIGNED_FILE, SignAuthority, type Signed, signFile } from '../../support/sign/authority.ts';
import { describeWithOpenssl } from '../../support/sign/openssl.ts';
import { type Acquiring, databasesOf, startAcquiring } from './acquiring.ts';

const NAME = 'test-6.cvd.sign';

describeWithOpenssl('a .sign file', () => {
  const authority = new SignAuthority();
  let good: Signed = { der: Buffer.alloc(0), roots: [] };
  beforeAll(() => {
    good = authority.signed();
  });
  afterAll(() => authority[Symbol.dispose]());

  /** Asks for this `.sign` of a file and stages it; `roots` are trusted. */
  async function acquire(
    sign: Uint8Array | undefined,
    roots: Trust['roots'],
    file: Uint8Array = SIGNED_FILE,
    now = CLOCK,
  ) {
    const trust = testTrust({ roots, now: () => now });
    await using it = await startAcquiring(new Map(sign && [[NAME, sign]]), { trust });
    const path = it.stage.incoming('test.cvd');
    await writeFile(path, file);
    const answer = await askForSign(NAME, it.parts.client);
    if (answer === 'unchanged') throw new Error('no ETag was given');
    const signed = { sha256: createHash('sha256').update(file).digest('hex'), path: async () => path };
    const outcome = await stageSign(NAME, answer, signed, it.parts).then(
      ({ state }) => state,
      (error) => error.code,
    );
    const staged = it.staged();
    const bytes = staged.includes(NAME) ? await readFile(it.stage.path(NAME)) : undefined;
    return { outcome, staged, bytes, warnings: it.warnings };
  }

  test('is mirrored byte for byte if it is good', async () => {
    const sign = signFile(good.der);
    const { outcome, bytes, warnings } = await acquire(sign, good.roots);
    expect({ outcome, warnings }).toEqual({ outcome: 'published', warnings: [] });
    expect(bytes?.equals(sign)).toBe(true);
  });

  test('is mirrored if it wants another digest than the one that is known', async () => {
    const { der, roots } = authority.signed({}, '-md', 'sha512');
    expect(await acquire(signFile(der), roots)).toMatchObject({ outcome: 'published', staged: [NAME] });
  });

  test('may be missing: upstream need not have one', async () => {
    expect(await acquire(undefined, [])).toEqual({ outcome: 'missing', staged: [], warnings: [] });
  });

  test('of another file is refused', async () => {
    const { outcome, staged } = await acquire(signFile(good.der), good.roots, Buffer.from('another file'));
    expect({ outcome, staged }).toEqual({ outcome: 'verify/signature', staged: [] });
  });

  const doubtful: Record<string, () => [sign: Uint8Array, roots: Trust['roots']]> = {
    'of a signer we do not know': () => [signFile(good.der), []],
    'that has expired': () => {
      const { der, roots } = authority.signed({ leaf: { until: '2026-05-31' } });
      return [signFile(der), roots];
    },
    'that is an HTML page': () => [Buffer.from('<html>Sorry</html>'), good.roots],
    'that is too large': () => [Buffer.alloc(65_537, '#'), good.roots],
  };
  test.each(Object.entries(doubtful))('%s is withheld with a warning', async (_, make) => {
    const [sign, roots] = make();
    const { outcome, staged, warnings } = await acquire(sign, roots);
    expect({ outcome, staged }).toEqual({ outcome: 'withheld', staged: [] });
    expect(warnings).toEqual([expect.stringContaining(NAME)]);
  });

  test('that ends before the next cycles is withheld', async () => {
    const { der, roots } = authority.signed({ leaf: { until: '2026-06-02' } });
    const outcomeAt = async (time: string) =>
      (await acquire(signFile(der), roots, SIGNED_FILE, new Date(time))).outcome;
    expect(await outcomeAt('2026-06-01T11:00:00Z')).toBe('published');
    expect(await outcomeAt('2026-06-01T13:00:00Z')).toBe('withheld');
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
    const acquired = await acquireCvd(await it.offer(), undefined, it.parts);
    const answer = await askForSign(NAME, it.parts.client);
    if (answer === 'unchanged') throw new Error('no ETag was given');
    const path = async () => it.stage.path('test.cvd');
    await stageSign(NAME, answer, { sha256: acquired.cvd.sha256, path }, it.parts);
    return { ...chain, ...acquired };
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
