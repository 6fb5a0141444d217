import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  decodeDsig,
  encodeDsig,
  encodePss,
  verifyHeaderSignature,
  verifyPssSignature,
} from '../../scripts/cvd/dsig.ts';
import { TALOS_KEYS } from '../../scripts/cvd/keys.ts';
import { makeTestKeys } from '../support/databases/signing.ts';
import { withCode } from '../support/throws.ts';

const { keys, signHeader, signInfo, signCdiff, signCdiffRaw } = makeTestKeys();
const wrong = withCode('cvd/signature');
const sha256 = (text: string) => createHash('sha256').update(text).digest();

const DIGEST = sha256('what is signed');
const MD5 = createHash('md5').update('what is signed').digest('hex');

test.each([
  ['header', '876d931e4a346703'],
  ['info', 'e3a2e7695e2949fe'],
  ['cdiff', 'e382d6f031ba4d70'],
] as const)("Talos' key for %s is copied without a slip", (use, start) => {
  expect(sha256(TALOS_KEYS[use].n.toString()).toString('hex').slice(0, 16)).toBe(start);
});

describe('a signature number', () => {
  test('has its least significant digit first', () => {
    expect(decodeDsig('a')).toBe(0n);
    expect(decodeDsig('bc')).toBe(1n + 2n * 64n);
    expect(decodeDsig('/+9Z')).toBe(63n + 62n * 64n + 61n * 64n ** 2n + 51n * 64n ** 3n);
    expect(encodeDsig(129n, 4)).toBe('bcaa');
  });

  test('comes back as it was', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 1n << 2047n }), (value) => {
        expect(decodeDsig(encodeDsig(value, 342))).toBe(value);
      }),
    );
  });

  test.each(['=', ' ', '-', '_', 'é', '\n', ':'])('cannot hold %j', (text) => {
    expect(() => decodeDsig(`abc${text}abc`)).toThrow(wrong);
  });
});

describe('the signature of a header', () => {
  test('fits its MD5 and no other', () => {
    const dsig = signHeader(MD5);
    expect(dsig).toHaveLength(171);
    expect(() => verifyHeaderSignature(MD5, dsig, keys.header)).not.toThrow();
    const other = createHash('md5').update('something else').digest('hex');
    expect(() => verifyHeaderSignature(other, dsig, keys.header)).toThrow(wrong);
  });

  test('fits an MD5 that begins with zeros, which ClamAV 1.1 to 1.4 refuse', () => {
    const md5 = `0000${MD5.slice(4)}`;
    expect(() => verifyHeaderSignature(md5, signHeader(md5), keys.header)).not.toThrow();
  });

  test.each([
    ['of nothing', ''],
    ['of zero', 'a'.repeat(171)],
    ['of one', `b${'a'.repeat(170)}`],
    ['larger than its key', '/'.repeat(171)],
    ['by another key', signInfo(DIGEST).slice(0, 170)],
    ['with one character changed', signHeader(MD5).replace(/^./, (first) => (first === 'b' ? 'c' : 'b'))],
  ])('is refused if it is one %s', (_, dsig) => {
    expect(() => verifyHeaderSignature(MD5, dsig, keys.header)).toThrow(wrong);
    expect(() => verifyHeaderSignature(MD5, dsig, TALOS_KEYS.header)).toThrow(wrong);
  });
});

describe('a PSS-like signature', () => {
  test('fits its digest and its key, and no other', () => {
    const dsig = signCdiff(DIGEST);
    expect(dsig).toHaveLength(342);
    expect(() => verifyPssSignature(DIGEST, dsig, keys.cdiff)).not.toThrow();
    expect(() => verifyPssSignature(sha256('something else'), dsig, keys.cdiff)).toThrow(wrong);
    expect(() => verifyPssSignature(DIGEST, dsig, keys.info)).toThrow(wrong);
    expect(() => verifyPssSignature(DIGEST, dsig, TALOS_KEYS.cdiff)).toThrow(wrong);
  });

  test('fits any digest', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (digest) => {
        verifyPssSignature(digest, signInfo(digest), keys.info);
      }),
      { numRuns: 20 },
    );
  });

  test('is refused as soon as one character differs', () => {
    const dsig = signCdiff(DIGEST);
    for (const at of [0, 100, 200, 340]) {
      const other = dsig[at] === 'b' ? 'c' : 'b';
      const changed = dsig.slice(0, at) + other + dsig.slice(at + 1);
      expect(() => verifyPssSignature(DIGEST, changed, keys.cdiff)).toThrow(wrong);
    }
  });

  /** The message of a signature after somebody tampered with it, small enough for the key. */
  const tampered = (
    change: (message: Buffer, unmask: (at: number, value: number) => void) => void,
  ): string => {
    for (let attempt = 0; ; attempt++) {
      const salt = sha256(`salt ${attempt}`);
      const message = encodePss(DIGEST, salt);
      const plain = Buffer.alloc(223);
      plain[190] = 1;
      plain.set(salt, 191);
      change(message, (at, value) => {
        message[at] = (message[at] ?? 0) ^ (plain[at] ?? 0) ^ value;
      });
      if (BigInt(`0x${message.toString('hex')}`) < keys.cdiff.n) return signCdiffRaw(message);
    }
  };

  test('is accepted when nothing was tampered with', () => {
    expect(() =>
      verifyPssSignature(
        DIGEST,
        tampered(() => {}),
        keys.cdiff,
      ),
    ).not.toThrow();
  });

  test('has its salt found after the byte 01, wherever the top bit stands', () => {
    const dsig = tampered((_, unmask) => unmask(0, 0x00));
    expect(() => verifyPssSignature(DIGEST, dsig, keys.cdiff)).not.toThrow();
  });

  test.each<[string, Parameters<typeof tampered>[0]]>([
    ['another last byte', (message) => message.fill(0xbb, 255)],
    ['a byte before the 01 that is not zero, which ClamAV lets pass', (_, unmask) => unmask(100, 2)],
    ['an earlier 01', (_, unmask) => unmask(100, 1)],
    ['no 01', (_, unmask) => unmask(190, 0)],
    ['another salt', (message) => message.writeUInt8(message.readUInt8(222) ^ 1, 222)],
    ['another hash', (message) => message.fill(0, 223, 255)],
  ])('is refused with %s', (_, change) => {
    expect(() => verifyPssSignature(DIGEST, tampered(change), keys.cdiff)).toThrow(wrong);
  });
});
