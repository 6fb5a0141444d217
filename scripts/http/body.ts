/** The beginning of a body. */
export interface BodyStart {
  readonly bytes: Buffer;
  /** `whole`: that is all there is. `left`: there may be more, which was not read. `cut`: it broke off, with this error. */
  readonly ended: 'whole' | 'left' | 'cut';
  readonly error?: unknown;
}

/** Reads a body until it has so many bytes, ends or breaks off. Never throws; hangs up on what it does not read. */
export async function readBody(body: AsyncIterable<Uint8Array>, most: number): Promise<BodyStart> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  const bytes = () => Buffer.concat(chunks).subarray(0, most);
  try {
    for await (const chunk of body) {
      chunks.push(chunk);
      size += chunk.length;
      if (size >= most) return { bytes: bytes(), ended: 'left' };
    }
    return { bytes: bytes(), ended: 'whole' };
  } catch (error) {
    return { bytes: bytes(), ended: 'cut', error };
  }
}

/** At most so many bytes of a body's beginning. Throws what it breaks off with before that. */
export async function startOfBody(body: AsyncIterable<Uint8Array>, most: number): Promise<Buffer> {
  const { bytes, ended, error } = await readBody(body, most);
  if (ended === 'cut') throw error;
  return bytes;
}
