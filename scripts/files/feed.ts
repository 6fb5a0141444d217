import { setImmediate } from 'node:timers/promises';
import { BUSY_MS, PIECE_BYTES } from '../base/limits/databases.ts';

/**
 * Hands chunks over in pieces, and lets the process do its other work in between: what a reader makes of a chunk may be
 * a thousand times as long. Gives way only after a while, as each time costs.
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
