import type { OpenFile } from './open-file.ts';
import type { HostResponse } from './response.ts';

/** A range of bytes of a file. */
export interface Part {
  readonly start: number;
  readonly length: number;
}

/** Size of one read and write. A transfer has two chunks in memory. */
const CHUNK_SIZE = 128 * 1024;

/**
 * Sends a part of a file as the body, and reads the next chunk while the network takes the last one. Ends when the
 * file is no longer needed, also if the client is gone. Throws errors of the file system.
 */
export async function sendPart(
  file: OpenFile,
  { start, length }: Part,
  response: HostResponse,
): Promise<void> {
  const atHand = file.atHand(start, length);
  if (atHand !== undefined) return response.endBody(atHand);
  const end = start + length;
  const size = Math.min(CHUNK_SIZE, length);
  let [reading, taking] = [Buffer.allocUnsafeSlow(size), Buffer.allocUnsafeSlow(size < length ? size : 0)];
  let taken = Promise.resolve();
  for (let at = start; at < end; at += size) {
    const chunk = reading.subarray(0, end - at);
    const bytesRead = await file.read(chunk, at);
    await taken;
    if (response.over) return;
    // The file was cut short in place. Hang up, or the client would wait for the rest, or take the next answer for it.
    if (bytesRead < chunk.length) return void response.destroy();
    if (at + size >= end) response.endBody(chunk);
    else taken = response.writeBody(chunk);
    [reading, taking] = [taking, reading];
  }
}
