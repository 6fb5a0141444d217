import type { Allowed } from '../../mirror/extras.ts';

/** Entry of a list in a file. */
export type ListedEntry = Pick<Allowed, 'what' | 'reason' | 'until'>;

/**
 * Entries that hold now: those of commands, and those of the file, which stand in the list as long as in the file. `listed` is
 * `undefined` if the file cannot be read; then its entries stay as they were. An entry ends by itself.
 */
export function entriesNow(
  published: readonly Allowed[],
  listed: readonly ListedEntry[] | undefined,
  now: Date,
): Allowed[] {
  const commanded = published
    .filter(({ from }) => from === 'command')
    .filter((entry) => !hasEnded(entry, now));
  const taken = new Set(commanded.map(({ what }) => what));
  const earlier = published.filter(({ from }) => from === 'file');
  const fromFile = (listed ?? earlier).flatMap((entry): Allowed[] => {
    if (taken.has(entry.what) || hasEnded(entry, now)) return [];
    taken.add(entry.what);
    const { what, reason, until } = entry;
    const since = earlier.find((one) => one.what === what)?.since ?? now.toISOString();
    return [{ what, reason, since, ...(until !== undefined && { until }), from: 'file' }];
  });
  return [...commanded, ...fromFile];
}

export function hasEnded({ until }: Pick<Allowed, 'until'>, now: Date): boolean {
  return until !== undefined && Date.parse(until) <= now.getTime();
}
