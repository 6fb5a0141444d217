import type { OpenFile } from './open-file.ts';
import type { HostResponse } from './response.ts';

/** A stretch of a file, in bytes. */
export interface Part {
  readonly start: number;
  readonly length: number;
}

/** What is read and written at once; a transfer has two of them in memory. */
const CHUNK = 128 * 1024;

/**
 * Sends part of a file as the body, reading on while the network takes what was read. Ends when the file is no longer
 * needed, also if the client went away. Throws what the file system throws.
 */
export async function sendPart(
  file: OpenFile,
  { start, length }: Part,
  response: HostResponse,
): Promise<void> {
  const atHand = file.atHand(start, length);
  if (atHand !== undefined) return response.endBody(atHand);
  const end = start + length;
  const size = Math.min(CHUNK, length);
  let [reading, taking] = [Buffer.allocUnsafeSlow(size), Buffer.allocUnsafeSlow(size < length ? size : 0)];
  let taken = Promise.resolve();
  for (let at = start; at < end; at += size) {
    const chunk = reading.subarray(0, end - at);
    const bytesRead = await file.read(chunk, at);
    await taken;
    if (response.over) return;
    // A file cut short in place: otherwise the client would wait for the rest, or take the next answer for it.
    if (bytesRead < chunk.length) return void response.destroy();
    if (at + size >= end) response.endBody(chunk);
    else taken = response.writeBody(chunk);
    [reading, taking] = [taking, reading];
  }
}
