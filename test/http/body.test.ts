import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { readBody, startOfBody } from '../../scripts/http/body.ts';

const body = (...chunks: string[]) => Readable.from(chunks.map((chunk) => Buffer.from(chunk)));
async function* broken() {
  yield Buffer.from('abc');
  throw new Error('cut');
}

test('a body is read to its end if that comes before the limit', async () => {
  expect(await readBody(body('ab', 'c'), 4)).toEqual({ bytes: Buffer.from('abc'), ended: 'whole' });
});

test.each([1, 2, 3])('of a longer one %d bytes are taken, and the rest is hung up on', async (most) => {
  const from = body('ab', 'c', 'd');
  expect(await readBody(from, most)).toEqual({ bytes: Buffer.from('abcd').subarray(0, most), ended: 'left' });
  expect(from.destroyed).toBe(true);
});

test('of one that breaks off there is what came, and the error', async () => {
  const error = expect.objectContaining({ message: 'cut' });
  expect(await readBody(broken(), 4)).toEqual({ bytes: Buffer.from('abc'), ended: 'cut', error });
  await expect(startOfBody(broken(), 4)).rejects.toThrow(error);
});

test('a start is all that is wanted of one that breaks off behind it', async () => {
  expect(await startOfBody(broken(), 3)).toEqual(Buffer.from('abc'));
});
