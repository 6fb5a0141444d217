import { afterEach, beforeEach, vi } from 'vitest';

/** Keeps what each of the following tests prints from the terminal. Returns what the test has printed so far. */
export function keepWritten(): () => string {
  let written = '';
  beforeEach(() => {
    written = '';
    for (const stream of [process.stdout, process.stderr])
      vi.spyOn(stream, 'write').mockImplementation((text) => {
        written += text;
        return true;
      });
  });
  afterEach(() => void vi.restoreAllMocks());
  return () => written;
}
