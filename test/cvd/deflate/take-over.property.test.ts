import fc from 'fast-check';
import { gzip } from 'pako';
import { describe, expect, test } from 'vitest';
import { GZIP_HEADER, Gzip } from '../../../scripts/cvd/deflate/gzip.ts';
import { Inflate } from '../../../scripts/cvd/deflate/inflate.ts';
import { MatchLog, makeMatchMemory } from '../../../scripts/cvd/deflate/match-log.ts';
import { randomNumbers } from '../../support/databases/random-numbers.ts';
import { signatureLines } from '../../support/databases/signatures.ts';

/** pako's port of stock zlib as an oracle. */
function oracle(bytes: Uint8Array): Buffer {
  const packed = Buffer.from(
    gzip(bytes, { level: 9, strategy: 1, memLevel: 8, windowBits: 15, legacyHash: true }),
  );
  packed.set(GZIP_HEADER);
  return packed;
}

/** Keeps the matches of an old tar; `change` makes other distances of theirs. */
function logOf(old: Uint8Array, change = (distance: number) => distance, size = old.length): MatchLog {
  const log = new MatchLog(makeMatchMemory(size));
  const match = (place: number, length: number, distance: number) => log.add(place, length, change(distance));
  const inflate = new Inflate({ data: () => {}, match }, 1e9);
  inflate.write(oracle(old));
  inflate.end();
  return log;
}

/** Bytes of a new tar, with their place in the old one if they are from there. */
interface Part {
  readonly bytes: Uint8Array;
  readonly place: number | undefined;
}

function taken(old: Uint8Array, from: number, to: number): Part {
  return { bytes: old.subarray(from, to), place: from };
}

function packed(parts: readonly Part[], log: MatchLog, piece = 10_000): Buffer {
  const chunks: Uint8Array[] = [];
  const writer = new Gzip(GZIP_HEADER, (chunk) => chunks.push(chunk), log);
  for (const { bytes, place } of parts) {
    for (let at = 0; at < bytes.length; at += piece) {
      writer.write(bytes.subarray(at, at + piece), place === undefined ? undefined : place + at);
    }
  }
  writer.end();
  return Buffer.concat(chunks);
}

const whole = (parts: readonly Part[]) => Buffer.concat(parts.map(({ bytes }) => bytes));

/** Lines of these letters, with a word that comes often. */
function linesOf(size: number, seed: number, letters: string): Buffer {
  const bytes = Buffer.alloc(size);
  const numbers = randomNumbers(seed);
  for (let at = 0; at < size; ) {
    const number = numbers.next().value;
    if (number % 40 === 0) at += bytes.write('Win.Trojan.Agent-1\n', at, 'latin1');
    else bytes[at++] = letters.charCodeAt((number >>> 8) % letters.length);
  }
  return bytes;
}

/** Few letters give long chains of candidates and matches everywhere, one gives runs. */
const anyOld = fc.record({
  size: fc.integer({ min: 80_000, max: 160_000 }),
  seed: fc.integer({ min: 1, max: 1 << 30 }),
  letters: fc.constantFrom('a', 'abcd', 'abcdefgh', '0123456789abcdef'),
});

/** Where a new tar leaves the old one, how many bytes it adds there, and how many it leaves out. */
const anyEdits = fc.array(
  fc.record({
    place: fc.double({ min: 0, max: 1, noNaN: true }),
    added: fc.nat(200),
    gone: fc.oneof(fc.nat(200), fc.nat(40_000)),
  }),
  { maxLength: 6 },
);

function edited(old: Buffer, edits: typeof anyEdits extends fc.Arbitrary<infer T> ? T : never): Part[] {
  const parts: Part[] = [];
  let at = 0;
  for (const { place, added, gone } of edits.toSorted((a, b) => a.place - b.place)) {
    const end = Math.max(at, Math.floor(place * old.length));
    parts.push(taken(old, at, end), { bytes: linesOf(added, added + gone, 'abc'), place: undefined });
    at = Math.min(old.length, end + gone);
  }
  return [...parts, taken(old, at, old.length)];
}

describe('what takes over matches of an old tar', () => {
  test('makes the very bytes that stock zlib makes, whatever was changed', () => {
    fc.assert(
      fc.property(
        anyOld,
        anyEdits,
        fc.integer({ min: 1000, max: 100_000 }),
        ({ size, seed, letters }, edits, piece) => {
          const old = linesOf(size, seed, letters);
          const parts = edited(old, edits);
          expect(packed(parts, logOf(old, undefined, 2e6), piece).equals(oracle(whole(parts)))).toBe(true);
        },
      ),
      { numRuns: 25 },
    );
  });

  test('does so over many buffers, and where the old tar is left and met again and again', () => {
    const old = Buffer.concat([...signatureLines(1_000_000), linesOf(100_000, 5, 'abcd')]);
    const parts: Part[] = [];
    for (let at = 0; at < old.length; at += 91_000)
      parts.push(taken(old, at, Math.min(old.length, at + 90_900)));
    expect(packed(parts, logOf(old)).equals(oracle(whole(parts)))).toBe(true);
  });

  test('takes them over indeed: false ones show', () => {
    const old = Buffer.concat([...signatureLines(200_000)]);
    const parts = [taken(old, 0, old.length)];
    const log = logOf(old, (distance) => (distance === 1 ? 2 : distance - 1));
    expect(packed(parts, log).equals(oracle(old))).toBe(false);
  });

  test('takes none over before a window of bytes is the same', () => {
    const old = Buffer.concat([...signatureLines(200_000)]);
    const parts: Part[] = [];
    for (let at = 0; at < old.length; at += 32_768) {
      parts.push(taken(old, at, Math.min(old.length, at + 32_767)), {
        bytes: Buffer.of(10),
        place: undefined,
      });
    }
    const log = logOf(old, (distance) => (distance === 1 ? 2 : distance - 1));
    expect(packed(parts, log).equals(oracle(whole(parts)))).toBe(true);
  });

  test('takes none over out of step, as in a run that began elsewhere', () => {
    const [head, tail] = [linesOf(40_000, 3, '0123456789'), linesOf(60_000, 4, '0123456789')];
    const old = Buffer.concat([head, Buffer.alloc(80_000, 'a'), tail]);
    const parts = [taken(old, 0, 40_000), taken(old, 40_100, old.length)];
    expect(packed(parts, logOf(old)).equals(oracle(whole(parts)))).toBe(true);
  });

  test('takes none over that could be longer now, where the old tar is left', () => {
    const base = linesOf(60_000, 6, '0123456789abcdef');
    const repeated = base.subarray(50_000, 50_100);
    const old = Buffer.concat([base, repeated, linesOf(40_000, 8, '0123456789abcdef')]);
    const parts = [
      taken(old, 0, base.length + repeated.length),
      { bytes: base.subarray(50_100, 50_150), place: undefined },
      taken(old, base.length + repeated.length, old.length),
    ];
    expect(packed(parts, logOf(old)).equals(oracle(whole(parts)))).toBe(true);
  });

  test('searches where the old tar has no match for long, and where matches were not kept', () => {
    const bytes = linesOf(80_000, 9, 'abcd');
    const numbers = randomNumbers(77);
    const noise = Buffer.from(Uint8Array.from({ length: 600_000 }, () => numbers.next().value >>> 11));
    const old = Buffer.concat([bytes, noise, bytes, noise.subarray(0, 50_000)]);
    const parts = [taken(old, 0, old.length)];
    expect(packed(parts, logOf(old)).equals(oracle(old))).toBe(true);
    expect(packed(parts, logOf(old, undefined, 80_000)).equals(oracle(old))).toBe(true);
  });
});

describe('a log of matches', () => {
  test('finds the first match at or behind a place', () => {
    const log = new MatchLog(makeMatchMemory(80));
    for (const place of [10, 20, 30]) log.add(place, 258, 32_768);
    expect([0, 10, 11, 30, 31].map((place) => log.indexAt(place))).toEqual([0, 0, 1, 2, 3]);
    expect(log.at(2)).toEqual({ place: 30, length: 258, distance: 32_768 });
    expect([log.at(-1), log.at(3)]).toEqual([undefined, undefined]);
  });

  test('keeps what another pass repeats once, and no more than it has room for', () => {
    const log = new MatchLog(makeMatchMemory(20));
    for (const place of [0, 5, 0, 5, 9]) log.add(place, 3, 1);
    expect(log.count).toBe(2);
    expect(log.at(1)).toEqual({ place: 5, length: 3, distance: 1 });
  });
});
