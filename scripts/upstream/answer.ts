import type { Readable } from 'node:stream';

/** Upstream's answer to a request for a file. */
export interface Answer {
  readonly status: number;
  readonly body: Readable;
  header(name: string): string | undefined;
}

/** Offset in the file at which the body begins, and length of the file; NaN if the answer does not say. */
export function placeOf(answer: Answer): { from: number; total: number } {
  if (answer.status === 200) return { from: 0, total: Number(answer.header('content-length') ?? Number.NaN) };
  const [, from, total] = /^bytes (\d+)-\d+\/(\d+)$/.exec(answer.header('content-range') ?? '') ?? [];
  return { from: Number(from), total: Number(total) };
}

/** Strong validator for If-Range. Without one, nothing is resumed. */
export function validatorOf(answer: Answer): string | undefined {
  const etag = answer.header('etag');
  return etag?.startsWith('"') === true ? etag : answer.header('last-modified');
}
