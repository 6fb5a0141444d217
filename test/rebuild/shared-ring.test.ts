import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { makePipe, receiveAll, sendAll } from '../../scripts/rebuild/shared-ring.ts';

/** Sends chunks of these lengths from another thread; byte n of all is n modulo 251. */
function sendFromThread(lengths: readonly number[]): Iterable<Uint8Array> {
  const pipe = makePipe();
  const worker = new Worker(new URL('./pipe-sender.ts', import.meta.url), { workerData: { pipe, lengths } });
  worker.unref();
  return receiveAll(pipe).map(({ bytes }) => bytes);
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

test('places arrive with the bytes that are there', () => {
  const old = Buffer.from(Uint8Array.from({ length: 60_000 }, (_, at) => (at * 7919) >>> 5));
  const anyChunk = fc.record({
    from: fc.nat(50_000),
    size: fc.oneof(fc.nat(600), fc.nat(9000)),
    isOld: fc.boolean(),
    goesOn: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(anyChunk, { maxLength: 60 }), (drawn) => {
      let at = 0;
      let total = 0;
      // at most five slots are passed on before the last two: sender and receiver take turns in one thread here
      const fitting = drawn.filter(({ size }) => {
        total += size;
        return total <= 5 * 4096;
      });
      const chunks = fitting.map(({ from, size, isOld, goesOn }) => {
        const start = goesOn ? at : from;
        const bytes = isOld ? old.subarray(start, start + size) : Buffer.alloc(size, 1);
        if (isOld) at = start + bytes.length;
        return { bytes, place: isOld ? start : undefined };
      });
      const places = new Map(chunks.map(({ bytes, place }) => [bytes as Uint8Array, place]));
      const pipe = makePipe();
      sendAll(pipe, places.keys(), (chunk) => places.get(chunk));
      const received = [...receiveAll(pipe)].map((piece) => ({ ...piece, bytes: Buffer.from(piece.bytes) }));
      expect(Buffer.concat(received.map(({ bytes }) => bytes))).toEqual(
        Buffer.concat(chunks.map(({ bytes }) => bytes)),
      );
      for (const { bytes, place } of received) {
        if (place !== undefined) expect(old.subarray(place, place + bytes.length).equals(bytes)).toBe(true);
      }
    }),
  );
});

test('a place is lost with short pieces alone', () => {
  const parts = [0, 100_000, 100_100, 300_000].map((place, at, all) => {
    return { place, bytes: Buffer.alloc((all[at + 1] ?? 400_000) - place) };
  });
  const foreign = { place: undefined, bytes: Buffer.alloc(50, 1) };
  const chunks = [
    ...parts,
    { place: undefined, bytes: Buffer.alloc(0) },
    foreign,
    { place: 0, bytes: Buffer.alloc(8000) },
  ];
  const places = new Map(
    [...chunks, { place: 8000, bytes: Buffer.alloc(9000) }].map(({ bytes, place }) => [
      bytes as Uint8Array,
      place,
    ]),
  );
  const pipe = makePipe();
  sendAll(pipe, places.keys(), (chunk) => places.get(chunk));
  expect([...receiveAll(pipe)].map(({ bytes, place }) => [bytes.length, place])).toEqual([
    [262_144, 0],
    [137_856, 262_144],
    [8050, undefined],
    [9000, 8000],
  ]);
});

test('chunks of any size, up to what fits, arrive whole within one thread too', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 2000 }), { maxLength: 50 }), (chunks) => {
      const pipe = makePipe();
      sendAll(pipe, chunks);
      const received = Buffer.concat([...receiveAll(pipe)].map(({ bytes }) => Buffer.from(bytes)));
      expect(received.equals(Buffer.concat(chunks))).toBe(true);
    }),
  );
});
