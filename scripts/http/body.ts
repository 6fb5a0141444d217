/** Beginning of a body. */
export interface BodyStart {
  readonly bytes: Buffer;
  /**
   * `whole`: there is no more. `left`: there may be more, which was not read. `cut`: the body broke off with `error`.
   */
  readonly ended: 'whole' | 'left' | 'cut';
  readonly error?: unknown;
}

/** Reads at most `most` bytes of a body, until it ends or breaks off. Hangs up on the rest. Never throws. */
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

/** First `most` bytes of a body, or all of a shorter one. Throws the error with which it breaks off before that. */
export async function startOfBody(body: AsyncIterable<Uint8Array>, most: number): Promise<Buffer> {
  const { bytes, ended, error } = await readBody(body, most);
  if (ended === 'cut') throw error;
  return bytes;
}
