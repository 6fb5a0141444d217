import fc from 'fast-check';
import { gzip } from 'pako';
import { expect, test } from 'vitest';
import { GZIP_HEADER, Gzip } from '../../../scripts/cvd/deflate/gzip.ts';
import { randomNumbers } from '../../support/databases/random-numbers.ts';
import { everyNth, sampled } from '../../support/sample.ts';

/** pako's port of stock zlib, which is slower and gives the same bytes, as an oracle at hand. */
function oracle(bytes: Uint8Array): Buffer {
  const packed = Buffer.from(
    gzip(bytes, { level: 9, strategy: 1, memLevel: 8, windowBits: 15, legacyHash: true }),
  );
  packed.set(GZIP_HEADER);
  return packed;
}

function ours(bytes: Uint8Array, piece = bytes.length): Buffer {
  const chunks: Uint8Array[] = [];
  const writer = new Gzip(GZIP_HEADER, (chunk) => chunks.push(chunk));
  for (let at = 0; at < bytes.length; at += piece) writer.write(bytes.subarray(at, at + piece));
  writer.end();
  return Buffer.concat(chunks);
}

function expectTheSame(bytes: Uint8Array): void {
  expect(ours(bytes).equals(oracle(bytes))).toBe(true);
}

function fill(length: number, seed: number, letters: string): Buffer {
  const numbers = randomNumbers(seed);
  return Buffer.from(
    Uint8Array.from({ length }, () => letters.charCodeAt(numbers.next().value % letters.length)),
  );
}

test('any short bytes are compressed as stock zlib does', () => {
  const alphabets = fc.constantFrom('a', 'ab', '0123456789abcdef', 'abcdefghijklmnopqrstuvwxyz:;*\n');
  fc.assert(
    fc.property(
      alphabets,
      fc.nat(3000),
      fc.nat(),
      fc.uint8Array({ maxLength: 300 }),
      (letters, length, seed, tail) => {
        expectTheSame(Buffer.concat([fill(length, seed, letters), tail, fill(length, seed, letters)]));
      },
    ),
    { numRuns: sampled(100, 500) },
  );
});

test('so are repeats at every distance around the farthest one', () => {
  for (const distance of [1, 5, 6, 257, 258, 259, 32_505, 32_506, 32_507, 32_508, 32_767, 32_768]) {
    for (const length of [5, 6, 7, 31, 32, 33, 257, 258, 259, 600]) {
      const pattern = fill(length, distance + length, 'abcdefghijklmnop');
      const gap = fill(Math.max(0, distance - length), distance, 'qrstuvwxyz0123456789');
      expectTheSame(Buffer.concat([pattern, gap, pattern, gap.subarray(0, 700), pattern]));
    }
  }
});

test('so are places that are so many that zlib does not look at all of them', () => {
  const words = ['abc', 'abcd', 'abcdefgh', 'abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz'];
  for (const word of words) {
    for (const letters of everyNth(2, ['01', '0123', '0123456789'])) {
      const numbers = randomNumbers(word.length * letters.length);
      const text: string[] = [];
      for (let size = 0; size < 150_000; size += word.length + 2) {
        const [one, two] = [numbers.next().value, numbers.next().value];
        text.push(word.slice(0, 3 + (one % word.length)), letters[two % letters.length] ?? '');
      }
      expectTheSame(Buffer.from(text.join('')));
    }
  }
});

test('so are long runs, bytes that cannot be compressed, and a mixture of all, over several windows', () => {
  const noise = fill(
    100_000,
    7,
    Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte)).join(''),
  );
  const hex = fill(300_000, 9, '0123456789abcdef');
  const run = Buffer.alloc(70_000, 'x');
  expectTheSame(noise);
  expectTheSame(Buffer.concat([run, noise, run]));
  expectTheSame(
    Buffer.concat([hex, noise.subarray(0, 40_000), hex.subarray(1000), run, hex.subarray(0, 40_000), noise]),
  );
});

test('and it does not matter in which pieces they come', () => {
  const bytes = Buffer.concat([
    fill(200_000, 3, '0123456789abcdef\n'),
    Buffer.alloc(3000),
    fill(400_000, 4, 'abcdef'),
  ]);
  const whole = ours(bytes);
  for (const piece of [1, 261, 262, 263, 4096, 65_536, 262_144, 524_287]) {
    expect(ours(bytes, piece).equals(whole)).toBe(true);
  }
  expect(whole.equals(oracle(bytes))).toBe(true);
});
