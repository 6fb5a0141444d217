import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { everyNth, sampled } from '../support/sample.ts';
import { SIGNED_FILE, SignAuthority, signFile, signVerdict } from '../support/sign/authority.ts';
import { describeWithOpenssl } from '../support/sign/openssl.ts';

const authority = new SignAuthority();
afterAll(() => authority[Symbol.dispose]());

/** One way to damage bytes: `length` of them from `at` on (a share of the whole) give way to `bytes`. */
const damage = fc.record({
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  length: fc.oneof(fc.constant(0), fc.constant(1), fc.nat(40), fc.nat(4000)),
  bytes: fc.oneof(fc.uint8Array({ maxLength: 3 }), fc.uint8Array({ maxLength: 300 })),
});

describeWithOpenssl('a damaged .sign file', () => {
  test('is refused with one of our errors, whatever became of its DER', () => {
    const { der, roots } = authority.signed();
    fc.assert(
      fc.property(fc.array(damage, { minLength: 1, maxLength: 4 }), (damages) => {
        const damaged = damages.reduce(apply, der);
        const verdict = signVerdict(signFile(damaged), roots);
        expect(verdict === 'verified').toBe(Buffer.compare(damaged, der) === 0);
      }),
      { numRuns: sampled(500, 3000) },
    );
  });

  test('is refused with one of our errors, whatever became of its text', () => {
    const { der, roots } = authority.signed();
    const sign = signFile(der);
    const signatures = (bytes: Uint8Array) =>
      Buffer.from(bytes)
        .toString('latin1')
        .match(/^[^#\n].*$/gm) ?? [];
    const [base64 = ''] = signatures(sign).map((line) => line.split(':').at(-1) ?? '');
    fc.assert(
      fc.property(fc.array(damage, { minLength: 1, maxLength: 4 }), (damages) => {
        const damaged = damages.reduce(apply, sign);
        if (signVerdict(damaged, roots) !== 'verified') return;
        // What is verified still holds the very signature; only comments are nobody's.
        for (const line of signatures(damaged)) expect(line.split(':').at(-1)).toBe(base64);
      }),
      { numRuns: sampled(500, 3000) },
    );
  });

  test('is refused with another bit anywhere outside its certificates, where no CA has signed', () => {
    const { root, embedded, leaf } = authority.chain();
    const der = authority.sign(leaf, embedded);
    const inside = [leaf, ...embedded].map(({ certificate }) => {
      const at = der.indexOf(certificate);
      return { at, end: at + certificate.length };
    });
    const outside = [...der.keys()].filter((byte) => !inside.some(({ at, end }) => byte >= at && byte < end));
    expect(outside.length).toBeGreaterThan(500);
    const flips = outside.flatMap((byte) => Array.from({ length: 8 }, (_, bit) => ({ byte, bit })));
    const verdicts = everyNth(7, flips).map(({ byte, bit }) =>
      signVerdict(signFile(flip(der, byte, bit)), [root]),
    );
    // A changed name or serial of the signer is that of a signer who is not there.
    expect([...new Set(verdicts)].toSorted()).toEqual([
      'verify/sign-format',
      'verify/signature',
      'verify/untrusted-signer',
    ]);
  });

  test('is an offence with another bit anywhere in its signature', () => {
    const { der, roots } = authority.signed();
    for (let byte = der.length - 256; byte < der.length; byte++) {
      expect(signVerdict(signFile(flip(der, byte, byte & 7)), roots)).toBe('verify/signature');
    }
  });

  test('is of no use for a file with another bit anywhere', () => {
    const { der, roots } = authority.signed();
    for (let bit = 0; bit < SIGNED_FILE.length * 8; bit++) {
      const other = flip(SIGNED_FILE, bit >> 3, bit & 7);
      expect(signVerdict(signFile(der), roots, other)).toBe('verify/signature');
    }
  });
});

function apply(
  bytes: Uint8Array,
  { at, length, bytes: put }: { at: number; length: number; bytes: Uint8Array },
) {
  const start = Math.floor(at * bytes.length);
  return Buffer.concat([bytes.subarray(0, start), put, bytes.subarray(start + length)]);
}

function flip(bytes: Uint8Array, byte: number, bit: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[byte] = (copy[byte] ?? 0) ^ (1 << bit);
  return copy;
}
