import { gzipSync, constants as zlib } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { codeOf } from '../../../scripts/base/errors.ts';
import { Inflate } from '../../../scripts/cvd/deflate/inflate.ts';
import type { Match } from '../../../scripts/cvd/deflate/match-log.ts';
import { anyDamage, anySizes, damaged, inPieces } from '../../support/databases/generate.ts';
import { signatureLines } from '../../support/databases/signatures.ts';
import { withCode } from '../../support/throws.ts';

function inflated(
  member: Uint8Array,
  sizes: readonly number[] = [],
  limit = 1e9,
): { data: Buffer; matches: Match[]; rest: Buffer } {
  const chunks: Buffer[] = [];
  const matches: Match[] = [];
  const inflate = new Inflate(
    {
      data: (chunk) => chunks.push(Buffer.from(chunk)),
      match: (place, length, distance) => matches.push({ place, length, distance }),
    },
    limit,
  );
  const rest = inPieces(member, sizes).map((piece) => inflate.write(piece));
  inflate.end();
  return { data: Buffer.concat(chunks), matches, rest: Buffer.concat(rest) };
}

/** The bytes that the matches do not make, with those that they make. */
function replayed(data: Buffer, matches: readonly Match[]): Buffer {
  const bytes = Buffer.alloc(data.length);
  let at = 0;
  for (const { place, length, distance } of matches) {
    if (place < at) throw new Error(`a match at ${place} lies over the one before`);
    data.copy(bytes, at, at, place);
    for (at = place; at < place + length; at++) bytes[at] = bytes[at - distance] ?? 0;
  }
  data.copy(bytes, at, at);
  return bytes;
}

/** Bytes that repeat often, seldom or not at all. */
const anyBytes = fc
  .tuple(fc.uint8Array({ maxLength: 3000 }), fc.constantFrom(1, 4, 64, 255), fc.integer({ min: 1, max: 60 }))
  .map(([bytes, mask, times]) => Buffer.concat(Array(times).fill(bytes.map((byte) => byte & mask))));

/** All that zlib can be told: blocks that are stored, fixed and with codes of their own come out of it. */
const anyOptions = fc.record({
  level: fc.integer({ min: 0, max: 9 }),
  memLevel: fc.integer({ min: 1, max: 9 }),
  windowBits: fc.integer({ min: 9, max: 15 }),
  strategy: fc.constantFrom(
    ...[zlib.Z_DEFAULT_STRATEGY, zlib.Z_FILTERED, zlib.Z_HUFFMAN_ONLY, zlib.Z_RLE, zlib.Z_FIXED],
  ),
});

describe('a gzip member', () => {
  test('of any zlib comes out, and so do its matches, however it arrives', () => {
    fc.assert(
      fc.property(anyBytes, anyOptions, anySizes, (bytes, options, sizes) => {
        const { data, matches } = inflated(gzipSync(bytes, options), sizes);
        expect(data.equals(bytes)).toBe(true);
        expect(replayed(data, matches).equals(bytes)).toBe(true);
      }),
    );
  });

  test('as long as many windows comes out', () => {
    const bytes = Buffer.concat([...signatureLines(2_000_000), Buffer.alloc(200_000)]);
    const { data, matches } = inflated(gzipSync(bytes), [50_000]);
    expect(data.equals(bytes)).toBe(true);
    expect(matches.length).toBeGreaterThan(10_000);
    expect(replayed(data, matches).equals(bytes)).toBe(true);
  });

  test('that is damaged is refused, unless its bytes are the same', () => {
    fc.assert(
      fc.property(anyBytes, anyOptions, anyDamage, anySizes, (bytes, options, damage, sizes) => {
        try {
          const { data } = inflated(damaged(gzipSync(bytes, options), damage), sizes);
          expect(data.equals(bytes)).toBe(true);
        } catch (error) {
          if (!['cvd/gzip', 'cvd/too-large'].includes(String(codeOf(error)))) throw error;
        }
      }),
      { numRuns: 300 },
    );
  });

  test('that ends early is refused, wherever it ends', () => {
    const member = gzipSync(Buffer.concat([...signatureLines(2000)]).subarray(0, 2000));
    for (let length = 0; length < member.length; length++) {
      expect(() => inflated(member.subarray(0, length))).toThrow(withCode('cvd/gzip'));
    }
  });

  test('does not end unnoticed before something else: it is refused or given back', () => {
    const member = gzipSync(Buffer.from('daily.ldb'));
    const behind = (size: number) => inflated(Buffer.concat([member, Buffer.alloc(size, 7)]));
    expect(() => behind(1)).toThrow(withCode('cvd/gzip'));
    expect(behind(5000).rest).toEqual(Buffer.alloc(5000, 7));
  });

  test('is refused with extra fields in its header', () => {
    const member = Buffer.from(gzipSync(Buffer.from('daily.ldb')));
    member[3] = 8;
    expect(() => inflated(member)).toThrow(withCode('cvd/gzip'));
  });

  test('is refused beyond its limit, and as soon as it inflates to more than production ever does', () => {
    const member = gzipSync(Buffer.alloc(100_000));
    expect(() => inflated(member, [], 99_999)).toThrow(withCode('cvd/too-large'));
    expect(inflated(member, [], 100_000).data.length).toBe(100_000);
    expect(() => inflated(gzipSync(Buffer.alloc(20_000_000)))).toThrow(withCode('cvd/too-large'));
  });
});
