import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { makePipe, receiveAll, sendAll } from '../../scripts/rebuild/shared-ring.ts';

/** Sends chunks of these lengths from another thread; byte n of all is n modulo 251. */
function sendFromThread(lengths: readonly number[]): Generator<Uint8Array> {
  const pipe = makePipe();
  const worker = new Worker(new URL('./pipe-sender.ts', import.meta.url), { workerData: { pipe, lengths } });
  worker.unref();
  return receiveAll(pipe);
}

test('what goes in at one thread comes out at the other, many times the size of the pipe', () => {
  const lengths = Array.from({ length: 300 }, (_, index) => (index * 7919) % 70_000);
  let total = 0;
  let wrong = 0;
  for (const chunk of sendFromThread(lengths)) for (const byte of chunk) if (byte !== total++ % 251) wrong++;
  expect(wrong).toBe(0);
  expect(total).toBe(lengths.reduce((sum, length) => sum + length, 0));
});

test('nothing sent is nothing received', () => {
  expect([...sendFromThread([])]).toEqual([]);
});

test('chunks of any size, up to what fits, arrive whole within one thread too', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 2000 }), { maxLength: 50 }), (chunks) => {
      const pipe = makePipe();
      sendAll(pipe, chunks);
      const received = Buffer.concat([...receiveAll(pipe)].map((chunk) => Buffer.from(chunk)));
      expect(received.equals(Buffer.concat(chunks))).toBe(true);
    }),
  );
});
