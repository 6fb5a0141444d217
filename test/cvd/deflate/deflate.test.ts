import { createHash } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { GZIP_HEADER, Gzip } from '../../../scripts/cvd/deflate/gzip.ts';
import { inPieces } from '../../support/databases/generate.ts';
import { signatureLines } from '../../support/databases/signatures.ts';
import { withCode } from '../../support/throws.ts';

function compressed(bytes: Uint8Array, sizes: readonly number[] = [], header = GZIP_HEADER): Buffer {
  const out: Uint8Array[] = [];
  const gzip = new Gzip(header, (chunk) => out.push(chunk));
  for (const piece of inPieces(bytes, sizes)) gzip.write(piece);
  gzip.end();
  return Buffer.concat(out);
}

/**
 * Two letters in pseudorandom order give the longest chains of candidates, so that other hashes than stock zlib's
 * show after a few KB; Node's own zlib gives 2888f084f59da133b906190ed19dd864.
 */
test('the result is that of stock zlib 1.2.13', () => {
  let state = 1;
  const bits = Buffer.from(
    Array.from({ length: 60_000 }, () => {
      state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
      return 0x30 + ((state >>> 16) & 1);
    }),
  );
  const result = compressed(bits);
  expect(gunzipSync(result).equals(bits)).toBe(true);
  expect(createHash('md5').update(result).digest('hex')).toBe('e90af40c2ba568945ed2701f562ec25e');
});

test('the result does not depend on how the bytes arrive', () => {
  const bytes = Buffer.concat([...signatureLines(2_000_000)]);
  const whole = compressed(bytes);
  expect(gunzipSync(whole).equals(bytes)).toBe(true);
  for (const sizes of [[100_000], [1, 65_536, 7], [262_144]]) {
    expect(compressed(bytes, sizes).equals(whole)).toBe(true);
  }
});

test('any bytes come back', () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1 });
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 1000 }), sizes, (bytes, sizes) => {
      expect(gunzipSync(compressed(bytes, sizes)).equals(bytes)).toBe(true);
    }),
  );
});

test('an empty write changes nothing', () => {
  const out: Uint8Array[] = [];
  const gzip = new Gzip(GZIP_HEADER, (chunk) => out.push(chunk));
  gzip.write(new Uint8Array(0));
  gzip.write(Buffer.from('x'));
  gzip.write(new Uint8Array(0));
  gzip.end();
  expect(Buffer.concat(out)).toEqual(compressed(Buffer.from('x')));
});

test("the header's own XFL and OS bytes are kept, and nothing else changes", () => {
  const header = Uint8Array.from([0x1f, 0x8b, 8, 0, 1, 2, 3, 4, 0, 7]);
  const bytes = Buffer.from('daily.ldb');
  const result = compressed(bytes, [], header);
  expect(result.subarray(0, 10)).toEqual(Buffer.from(header));
  expect(result.subarray(10)).toEqual(compressed(bytes).subarray(10));
});

test('what is given away is not written to again', () => {
  const out: [Uint8Array, string][] = [];
  const md5 = (chunk: Uint8Array) => createHash('md5').update(chunk).digest('hex');
  const gzip = new Gzip(GZIP_HEADER, (chunk) => out.push([chunk, md5(chunk)]));
  for (const chunk of signatureLines(2_000_000)) gzip.write(chunk);
  gzip.end();
  expect(out.length).toBeGreaterThan(2);
  for (const [chunk, hash] of out) expect(md5(chunk)).toBe(hash);
});

test.each([
  ['nothing', []],
  ['nine bytes', [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2]],
  ['a file name in it', [0x1f, 0x8b, 8, 8, 0, 0, 0, 0, 2, 3]],
  ['another method', [0x1f, 0x8b, 7, 0, 0, 0, 0, 0, 2, 3]],
  ['the start of a tar', [...Buffer.from('COPYING\0\0\0')]],
])('a gzip header of %s is refused', (_, header) => {
  expect(() => new Gzip(Uint8Array.from(header), () => {})).toThrow(withCode('cvd/gzip'));
});
