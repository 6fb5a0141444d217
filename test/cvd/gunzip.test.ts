import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Gunzip } from '../../scripts/cvd/container/gunzip.ts';
import { inPieces } from '../support/databases/generate.ts';
import { withCode } from '../support/throws.ts';

function inflated(
  bytes: Uint8Array,
  sizes: readonly number[] = [],
  limit = 1e9,
): { data: Buffer; rest: Buffer } {
  const chunks: Buffer[] = [];
  const rest: Uint8Array[] = [];
  const gunzip = new Gunzip((chunk) => chunks.push(Buffer.from(chunk)), limit);
  for (const piece of inPieces(bytes, sizes)) rest.push(gunzip.write(piece));
  gunzip.end();
  const data = Buffer.concat(chunks);
  expect([gunzip.ended, gunzip.total]).toEqual([true, data.length]);
  return { data, rest: Buffer.concat(rest) };
}

const anyPieces = fc.array(fc.integer({ min: 1, max: 50 }));

describe('a gzip member', () => {
  test('is inflated, however it arrives, and what follows is given back', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2000 }), fc.uint8Array(), anyPieces, (bytes, rest, sizes) => {
        const result = inflated(Buffer.concat([gzipSync(bytes), rest]), sizes);
        expect(result).toEqual({ data: Buffer.from(bytes), rest: Buffer.from(rest) });
      }),
    );
  });

  test('is inflated in pieces that do not grow with it', () => {
    let largest = 0;
    const gunzip = new Gunzip((chunk) => {
      largest = Math.max(largest, chunk.length);
    }, 1e9);
    gunzip.write(gzipSync(Buffer.alloc(10_000_000)));
    gunzip.end();
    expect(gunzip.total).toBe(10_000_000);
    expect(largest).toBeLessThanOrEqual(65_536);
  });

  test('may be as long as the limit, and not a byte longer', () => {
    const bytes = gzipSync(Buffer.alloc(100_000));
    expect(inflated(bytes, [], 100_000).data).toHaveLength(100_000);
    expect(() => inflated(bytes, [], 99_999)).toThrow(withCode('cvd/too-large'));
    expect(() => inflated(bytes, [1], 99_999)).toThrow(withCode('cvd/too-large'));
  });

  test('followed by another one is inflated alone', () => {
    const second = gzipSync('second');
    const { data, rest } = inflated(Buffer.concat([gzipSync('first'), second]));
    expect(data.toString()).toBe('first');
    expect(rest).toEqual(second);
  });

  const member = gzipSync('Win.Trojan.Agent\n'.repeat(100));
  const changed = (at: number) => {
    const bytes = Buffer.from(member);
    const index = at < 0 ? bytes.length + at : at;
    bytes[index] = (bytes[index] ?? 0) ^ 0xff;
    return bytes;
  };
  test.each([
    ['nothing', Buffer.alloc(0)],
    ['its header alone', member.subarray(0, 10)],
    ['all but its last byte', member.subarray(0, -1)],
    ['another magic number', changed(0)],
    ['another method', changed(2)],
    ['a wrong checksum', changed(-8)],
    ['a wrong length', changed(-1)],
    ['plain text', Buffer.from('COPYING')],
    ['zlib data', Buffer.from('789c4b040000620062', 'hex')],
  ])('that is %s is refused, however it arrives', (_, bytes) => {
    expect(() => inflated(bytes)).toThrow(withCode('cvd/gzip'));
    expect(() => inflated(bytes, [1])).toThrow(withCode('cvd/gzip'));
  });
});
