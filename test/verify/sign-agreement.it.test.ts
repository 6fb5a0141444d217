import { afterAll, expect, test } from 'vitest';
import { encodeClamSign } from '../../scripts/cvd/clamsign.ts';
import type { TrustedRoot } from '../../scripts/verify/roots.ts';
import { coversFLevel, DigestSet, digestsNeeded, isDoubt, verifySign } from '../../scripts/verify/sign.ts';
import { TALOS } from '../../scripts/verify/trust.ts';
import { judgeSign } from '../support/clamav-15/verdict.ts';
import {
  type ChainChange,
  CLOCK,
  LEAF,
  replaced,
  SIGNED_FILE,
  SignAuthority,
} from '../support/sign/authority.ts';
import { describeWithOpenssl } from '../support/sign/openssl.ts';

const authority = new SignAuthority();
afterAll(() => authority[Symbol.dispose]());

/** That of ClamAV 1.5.3, which gave the answers below. */
const ENGINE_FLEVEL = 233;

/** The answer of sigtool. `ignored`: no line is for this engine, or the text is none. */
type Sigtool = 'verified' | 'refused' | 'ignored';
/** What becomes of the `.sign` here; a doubt, by its code, means that it is withheld and the database goes on. */
type Ours = 'published' | 'offence' | `withheld: verify/${string}`;

interface Case {
  readonly sign: Uint8Array;
  readonly roots: readonly TrustedRoot[];
  readonly file?: Uint8Array;
  readonly at?: string;
}

const FUTURE = { from: '2027-01-01' };
const PAST = { until: '2026-05-31' };
const UNKNOWN = { name: 'Unknown Root' };

describeWithOpenssl('a .sign file beside the answer of sigtool 1.5.3', () => {
  const good = () => authority.signed();
  const untrusted = () => authority.signed({ root: UNKNOWN }).der;
  const changed = (bytes: Uint8Array, at: number) => {
    const copy = Buffer.from(bytes);
    copy[at] = (copy[at] ?? 0) ^ 1;
    return copy;
  };
  const lines = (...all: [fLevels: string, der: Uint8Array][]) =>
    Buffer.from(
      `#clamsign-1.0\n${all.map(([range, der]) => `${range}:pkcs7-pem:${Buffer.from(der).toString('base64')}\n`).join('')}`,
    );
  const of = (der: Uint8Array, fLevels = '230:') => lines([fLevels, der]);
  /** A sound signature but for this change of its chain, or these options of openssl. */
  const chained =
    (change: ChainChange, ...flags: string[]) =>
    (): Case => {
      const { der, roots } = authority.signed(change, ...flags);
      return { sign: of(der), roots };
    };
  const withRoot = (change: ChainChange) => (): Case => {
    const { root, embedded, leaf } = authority.chain(change);
    return { sign: of(authority.sign(leaf, [...embedded, root])), roots: [root] };
  };
  const ranged = (fLevels: string) => (): Case => {
    const { der, roots } = good();
    return { sign: of(der, fLevels), roots };
  };
  const text = (change: (sign: string) => string) => (): Case => {
    const { der, roots } = good();
    return { sign: Buffer.from(change(of(der).toString('latin1')), 'latin1'), roots };
  };
  /** Made as Talos' first samples were: for f-level 220 and without the intermediate. */
  const firstSamples = (trusted: readonly ('root' | 'issuer' | 'another')[]) => (): Case => {
    const { root, embedded, leaf } = authority.chain();
    const [issuer = root] = embedded;
    const known = { root, issuer, another: authority.chain({ root: UNKNOWN }).root };
    return { sign: of(authority.sign(leaf, []), '220:'), roots: trusted.map((name) => known[name]) };
  };

  const NOT_NOW = 'withheld: verify/not-valid-now';
  const UNFIT = 'withheld: verify/unfit-signer';
  const UNTRUSTED = 'withheld: verify/untrusted-signer';
  const FORMAT = 'withheld: verify/sign-format';
  const F_LEVEL = 'withheld: verify/unknown-f-level';

  const cases: Record<string, [sigtool: Sigtool, ours: Ours, make: () => Case]> = {
    good: ['verified', 'published', withRoot({})],
    'good, root not embedded': ['verified', 'published', chained({})],
    'tampered signature': [
      'refused',
      'offence',
      () => {
        const { der, roots } = good();
        return { sign: of(changed(der, der.length - 1)), roots };
      },
    ],
    'file tampered in the body': [
      'refused',
      'offence',
      () => ({ ...chained({})(), file: changed(SIGNED_FILE, SIGNED_FILE.length - 1) }),
    ],
    'file tampered at its start': [
      'refused',
      'offence',
      () => ({ ...chained({})(), file: changed(SIGNED_FILE, 0) }),
    ],
    'leaf expired': ['refused', NOT_NOW, chained({ leaf: PAST })],
    'leaf not yet valid': ['refused', NOT_NOW, chained({ leaf: FUTURE })],
    'intermediate expired': ['refused', NOT_NOW, chained({ ca: PAST })],
    'root expired': ['refused', NOT_NOW, withRoot({ root: PAST })],
    'root expired, root not embedded': ['refused', NOT_NOW, chained({ root: PAST })],
    'leaf: codeSigning only': [
      'refused',
      UNFIT,
      chained({ leaf: { extensions: replaced(LEAF, 'extendedKeyUsage=codeSigning') } }),
    ],
    'leaf: no extendedKeyUsage': [
      'verified',
      'published',
      chained({ leaf: { extensions: LEAF.filter((line) => !line.startsWith('extendedKeyUsage')) } }),
    ],
    'no intermediate': [
      'refused',
      UNTRUSTED,
      () => {
        const { root, leaf } = authority.chain();
        return { sign: of(authority.sign(leaf, [])), roots: [root] };
      },
    ],
    // ClamAV looks there for intermediates too. What somebody has put there is not known to a mirror.
    'no intermediate, but it is in the certs folder': [
      'verified',
      UNTRUSTED,
      () => {
        const { root, leaf } = authority.chain();
        return { sign: of(authority.sign(leaf, [])), roots: [root] };
      },
    ],
    'unknown root': [
      'refused',
      UNTRUSTED,
      () => ({ sign: of(untrusted()), roots: [authority.chain().root] }),
    ],
    'SHA-512': ['verified', 'published', chained({}, '-md', 'sha512')],
    'SHA-1': ['verified', FORMAT, chained({}, '-md', 'sha1')],
    'no signed attributes': ['verified', FORMAT, chained({}, '-noattr')],
    PSS: ['refused', FORMAT, chained({}, '-keyopt', 'rsa_padding_mode:pss')],
    'not detached': ['verified', FORMAT, chained({}, '-nodetach')],
    'f-level 230:235': ['verified', 'published', ranged('230:235')],
    // Good, and not for this engine: to that one, it is as if there were none.
    'f-level 230:230': ['ignored', 'published', ranged('230:230')],
    'f-level 231:': ['verified', 'published', ranged('231:')],
    'f-level 300:': ['ignored', 'published', ranged('300:')],
    'two lines: good, good': [
      'verified',
      'published',
      () => {
        const { der, roots } = good();
        return { sign: lines(['230:', der], ['230:', der]), roots };
      },
    ],
    'two lines: unknown root, then good': [
      'refused',
      UNTRUSTED,
      () => {
        const { der, roots } = good();
        return { sign: lines(['230:', untrusted()], ['230:', der]), roots };
      },
    ],
    // ClamAV takes the first line for its f-level, so another engine may come to the second: each must be good.
    'two lines: good, then unknown root': [
      'verified',
      UNTRUSTED,
      () => {
        const { der, roots } = good();
        return { sign: lines(['230:', der], ['230:', untrusted()]), roots };
      },
    ],
    'two lines: f-level 300 unknown, then good': [
      'verified',
      UNTRUSTED,
      () => {
        const { der, roots } = good();
        return { sign: lines(['300:', untrusted()], ['230:', der]), roots };
      },
    ],
    'two lines: f-levels 1 to 229, then good': [
      'ignored',
      F_LEVEL,
      () => {
        const { der, roots } = good();
        return { sign: lines(['1:229', der], ['230:', der]), roots };
      },
    ],
    '#clamsign-1.1': ['ignored', FORMAT, text((sign) => sign.replace('1.0', '1.1'))],
    '#clamsign-1.0-x': ['verified', FORMAT, text((sign) => sign.replace('1.0', '1.0-x'))],
    CRLF: ['verified', FORMAT, text((sign) => sign.replaceAll('\n', '\r\n'))],
    'blank and comment lines': [
      'verified',
      'published',
      text((sign) => sign.replace('\n', '\n\n# why\n').concat('\n# done\n')),
    ],
    'no final newline': ['verified', FORMAT, text((sign) => sign.slice(0, -1))],
    'trailing garbage line': ['verified', FORMAT, text((sign) => `${sign}garbage\n`)],
    'trailing bytes after the DER': [
      'verified',
      FORMAT,
      () => {
        const { der, roots } = good();
        return { sign: of(Buffer.concat([der, Buffer.from('more')])), roots };
      },
    ],
    'only the first line': ['ignored', FORMAT, text((sign) => sign.slice(0, sign.indexOf('\n') + 1))],
    'lower bound empty': ['ignored', FORMAT, ranged(':')],
    'space at the line end': ['verified', FORMAT, text((sign) => `${sign.slice(0, -1)} \n`)],
    'first samples, their root trusted': ['ignored', UNTRUSTED, firstSamples(['root'])],
    'first samples, another root trusted': ['ignored', UNTRUSTED, firstSamples(['another'])],
    'first samples, their issuer trusted': ['ignored', F_LEVEL, firstSamples(['issuer'])],
    'first samples, both roots trusted': ['ignored', UNTRUSTED, firstSamples(['another', 'root'])],
    'like the samples of today': ['verified', 'published', chained({})],
    'like them, after their root expired': [
      'refused',
      NOT_NOW,
      () => ({ ...chained({ root: { until: '2027-03-26' } })(), at: '2027-04-01' }),
    ],
    'like them, before they were made': ['refused', NOT_NOW, () => ({ ...chained({})(), at: '2024-12-31' })],
  };

  test.each(Object.entries(cases))('%s', (_, [sigtool, ours, make]) => {
    const { sign, roots, file = SIGNED_FILE, at } = make();
    const now = () => (at === undefined ? CLOCK : new Date(at));
    let verdict: string;
    let covered = false;
    try {
      const verified = verifySign(sign, new DigestSet().update(file).digests(), { ...TALOS, roots, now });
      covered = coversFLevel(verified, ENGINE_FLEVEL);
      verdict = 'published';
    } catch (error) {
      verdict = isDoubt(error) ? `withheld: ${error.code}` : 'offence';
      if (!isDoubt(error)) expect(error).toMatchObject({ code: 'verify/signature' });
    }
    expect(verdict).toBe(ours);
    // Never looser: what we publish for an engine, it verifies; what it refuses, we do not publish for any.
    if (covered) expect(sigtool).toBe('verified');
    if (verdict === 'published' && !covered) expect(sigtool).toBe('ignored');
    if (verdict === 'offence') expect(sigtool).toBe('refused');
  });

  /** What our verdict does not read, the stand-in for ClamAV 1.5, which asks it, does not read either. */
  const unread = [
    'no intermediate, but it is in the certs folder',
    'SHA-1',
    'no signed attributes',
    'not detached',
  ];
  const played = { verified: 'good', refused: 'refused', ignored: 'none' } as const;
  test.each(Object.entries(cases))(
    'is to the stand-in for it what it was to it: %s',
    (name, [sigtool, , make]) => {
      const { sign, roots, file = SIGNED_FILE, at } = make();
      const now = () => (at === undefined ? CLOCK : new Date(at));
      const verdict = judgeSign(sign, new DigestSet().update(file).digests(), { roots, now });
      expect(verdict).toBe(unread.includes(name) ? 'refused' : played[sigtool]);
    },
  );

  test('is compared in as many cases as sigtool was asked', () => {
    expect(Object.keys(cases)).toHaveLength(46);
  });

  test('is withheld where we are stricter, and refused in none of these cases', () => {
    const stricter = Object.entries(cases).flatMap(([name, [sigtool, ours]]) =>
      sigtool === 'verified' && ours !== 'published' ? [[name, ours]] : [],
    );
    expect(Object.fromEntries(stricter)).toEqual({
      'no intermediate, but it is in the certs folder': UNTRUSTED,
      'SHA-1': FORMAT,
      'no signed attributes': FORMAT,
      'not detached': FORMAT,
      'two lines: good, then unknown root': UNTRUSTED,
      'two lines: f-level 300 unknown, then good': UNTRUSTED,
      '#clamsign-1.0-x': FORMAT,
      CRLF: FORMAT,
      'no final newline': FORMAT,
      'trailing garbage line': FORMAT,
      'trailing bytes after the DER': FORMAT,
      'space at the line end': FORMAT,
    });
  });
});

describeWithOpenssl('a .sign file that is odd in another way', () => {
  const verdict = (sign: Uint8Array, roots: readonly TrustedRoot[]) => {
    try {
      verifySign(sign, new DigestSet().update(SIGNED_FILE).digests(), { ...TALOS, roots, now: () => CLOCK });
      return 'verified';
    } catch (error) {
      return isDoubt(error) ? error.code : 'offence';
    }
  };
  const odd: Record<string, (sign: Buffer) => Uint8Array> = {
    'is empty': () => Buffer.alloc(0),
    'is an HTML page': () => Buffer.from('<!doctype html><title>Sorry</title>\n'),
    'is larger than its limit': (sign) => Buffer.concat([sign, Buffer.from(`#${'.'.repeat(65_536)}\n`)]),
    'has a blank line of spaces': (sign) => Buffer.concat([sign, Buffer.from('  \n')]),
    'has broken base64': (sign) => Buffer.from(sign.toString().replace('pkcs7-pem:M', 'pkcs7-pem:*')),
    'is cut off': (sign) => sign.subarray(0, sign.length / 2),
    'has f-levels in the wrong order': (sign) => Buffer.from(sign.toString().replace('230::', '231:230:')),
  };
  test.each(Object.entries(odd))('is withheld if it %s', (_, change) => {
    const { der, roots } = authority.signed();
    const sign = encodeClamSign([{ minFLevel: 230, maxFLevel: undefined, signature: der }]);
    expect(verdict(change(Buffer.from(sign)), roots)).toBe('verify/sign-format');
  });
});

describeWithOpenssl('the f-levels and digests of a .sign file', () => {
  const verified = (...ranges: [number, number | undefined][]) => {
    const { der, roots } = authority.signed();
    const sign = encodeClamSign(
      ranges.map(([minFLevel, maxFLevel]) => ({ minFLevel, maxFLevel, signature: der })),
    );
    return verifySign(sign, new DigestSet().update(SIGNED_FILE).digests(), {
      ...TALOS,
      roots,
      now: () => CLOCK,
    });
  };

  test('cover an engine from the first to the last of any line', () => {
    const sign = verified([230, 232], [235, undefined]);
    expect(sign.fLevels).toEqual([
      { first: 230, last: 232 },
      { first: 235, last: undefined },
    ]);
    const covered = [229, 230, 232, 233, 234, 235, 999].filter((fLevel) => coversFLevel(sign, fLevel));
    expect(covered).toEqual([230, 232, 235, 999]);
  });

  test('are told before the file is read', () => {
    const { der, roots } = authority.signed();
    const sha512 = authority.signed({}, '-md', 'sha512').der;
    const sign = (...all: Uint8Array[]) =>
      encodeClamSign(all.map((signature) => ({ minFLevel: 230, maxFLevel: undefined, signature })));
    expect([...digestsNeeded(sign(der))]).toEqual(['sha256']);
    expect([...digestsNeeded(sign(der, Buffer.from([0x30, 0]), sha512))]).toEqual(['sha256', 'sha512']);
    expect([...digestsNeeded(Buffer.from('<html>'))]).toEqual([]);

    const { sha256 } = new DigestSet().update(SIGNED_FILE).digests();
    const trust = { ...TALOS, roots, now: () => CLOCK };
    expect(verifySign(sign(der), { sha256 }, trust).signatures).toHaveLength(1);
    expect(() => verifySign(sign(sha512), { sha256 }, trust)).toThrow(TypeError);
  });
});
