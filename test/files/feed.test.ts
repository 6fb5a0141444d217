import { expect, test } from 'vitest';
import { PIECE_BYTES } from '../../scripts/base/limits/databases.ts';
import { feed } from '../../scripts/files/feed.ts';

test('a chunk is fed in pieces, all of it and in order', async () => {
  const chunks = [3 * PIECE_BYTES + 1, 0, 1, PIECE_BYTES].map((size, at) => Buffer.alloc(size, at));
  const pieces: Buffer[] = [];
  await feed(chunks, (piece) => pieces.push(Buffer.from(piece)));
  expect(Buffer.concat(pieces).equals(Buffer.concat(chunks))).toBe(true);
  expect(Math.max(...pieces.map(({ length }) => length))).toBe(PIECE_BYTES);
});

test('other work goes on between two pieces that take long', async () => {
  const told: string[] = [];
  const work = (piece: Uint8Array) => {
    told.push(`piece of ${piece.length}`);
    setImmediate(() => told.push('other work'));
    for (const begun = performance.now(); performance.now() - begun < 100; );
  };
  await feed([Buffer.alloc(2 * PIECE_BYTES)], work);
  expect(told).toEqual([`piece of ${PIECE_BYTES}`, 'other work', `piece of ${PIECE_BYTES}`, 'other work']);
});

test('what a piece is refused for comes through, and no other piece is fed', async () => {
  const refusal = new Error('refused');
  let count = 0;
  const work = () => {
    count++;
    throw refusal;
  };
  await expect(feed([Buffer.alloc(2 * PIECE_BYTES)], work)).rejects.toBe(refusal);
  expect(count).toBe(1);
});
