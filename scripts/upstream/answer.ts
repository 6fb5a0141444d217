import type { Readable } from 'node:stream';

/** Upstream's answer to a request for a file. */
export interface Answer {
  readonly status: number;
  readonly body: Readable;
  header(name: string): string | undefined;
}

/** The place in the file where the body begins, and the length of the file, as far as the answer says it: else NaN. */
export function placeOf(answer: Answer): { from: number; total: number } {
  if (answer.status === 200) return { from: 0, total: Number(answer.header('content-length') ?? Number.NaN) };
  const [, from, total] = /^bytes (\d+)-\d+\/(\d+)$/.exec(answer.header('content-range') ?? '') ?? [];
  return { from: Number(from), total: Number(total) };
}

/** If-Range wants a strong validator; without one, nothing is resumed. */
export function validatorOf(answer: Answer): string | undefined {
  const etag = answer.header('etag');
  return etag?.startsWith('"') === true ? etag : answer.header('last-modified');
}
