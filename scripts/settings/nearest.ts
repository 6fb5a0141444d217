/** So many letters may be wrong, missing, too many for a name to be a misspelt one. */
const MISSPELT = 2;

/** The known name that a misspelt one is meant to be, if one is near enough. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  const [first] = known
    .map((other) => ({ other, distance: distanceOf(name, other) }))
    .filter(({ distance }) => distance <= MISSPELT)
    .sort((one, other) => one.distance - other.distance);
  return first?.other;
}

/** Letters to change, add or take away, to get from one word to another (Levenshtein). */
function distanceOf(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, at) => at);
  for (const [at, letter] of [...one].entries()) {
    const next = [at + 1];
    for (const [column, wanted] of [...other].entries()) {
      const [left = 0, above = 0, before = 0] = [next[column], row[column + 1], row[column]];
      next.push(Math.min(left + 1, above + 1, before + (letter === wanted ? 0 : 1)));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
