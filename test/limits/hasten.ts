import { onTestFinished, vi } from 'vitest';

/** Lets a time of so many milliseconds pass at once, wherever it is waited for; tells if it was. */
export function hasten(limit: number) {
  const { setTimeout } = globalThis;
  const hastened = vi
    .spyOn(globalThis, 'setTimeout')
    .mockImplementation(((run: () => void, after: number) =>
      setTimeout(run, after === limit ? 50 : after)) as typeof setTimeout);
  onTestFinished(() => hastened.mockRestore());
  return hastened;
}
