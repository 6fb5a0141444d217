import { type Readable, Transform } from 'node:stream';
import { bytes } from '../../base/log.ts';
import { StoreError } from '../store.ts';

/** Passes on at most `limit` bytes. Throws `store/limit`, at once if the answer announces more. */
export function atMost(
  limit: number,
  what: string,
  body: Readable,
  announced: number | undefined,
  count: (size: number) => void = () => {},
): Transform {
  if (announced !== undefined && announced > limit) {
    body.destroy();
    throw tooLarge(what, limit);
  }
  let passed = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      passed += chunk.length;
      count(chunk.length);
      if (passed > limit) done(tooLarge(what, limit));
      else done(null, chunk);
    },
  });
}

function tooLarge(what: string, limit: number): StoreError {
  return new StoreError('store/limit', `${what} has more than ${bytes(limit)}`, {
    advice: 'This program never writes such a file. Check who else can write to the store',
  });
}
