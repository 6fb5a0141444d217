import { setImmediate } from 'node:timers/promises';
import { BUSY_MS, PIECE_BYTES } from '../base/limits/databases.ts';

/**
 * Passes chunks on in pieces, and lets the process do other work in between: a reader may inflate a chunk a
 * thousandfold. Yields only every `BUSY_MS`, because each time costs.
 */
export async function feed(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  write: (piece: Uint8Array) => void,
): Promise<void> {
  let begun = performance.now();
  for await (const chunk of chunks) {
    for (let at = 0; at < chunk.length; at += PIECE_BYTES) {
      write(chunk.subarray(at, at + PIECE_BYTES));
      if (performance.now() - begun < BUSY_MS) continue;
      await setImmediate();
      begun = performance.now();
    }
  }
}
