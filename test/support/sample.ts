/**
 * Samples of what takes long: `npm test` plays these, always the same ones, and `npm run soak` plays the whole, which is
 * what `WHOLE=1` in the environment asks for.
 */
export const isWhole = process.env.WHOLE === '1';

/** How much: so much in `npm test`, and the whole in the soak. */
export function sampled<T>(part: T, whole: T): T {
  return isWhole ? whole : part;
}

/** Every n-th, beginning with the first; all of them in the soak. */
export function everyNth<T>(nth: number, all: readonly T[]): readonly T[] {
  return isWhole ? all : all.filter((_, index) => index % nth === 0);
}

/** Each that has a trait which none before it has; all of them in the soak. */
export function covering<T>(all: readonly T[], traitsOf: (item: T) => readonly string[]): readonly T[] {
  if (isWhole) return all;
  const seen = new Set<string>();
  return all.filter((item) => {
    const fresh = traitsOf(item).filter((trait) => !seen.has(trait));
    for (const trait of fresh) seen.add(trait);
    return fresh.length > 0;
  });
}
