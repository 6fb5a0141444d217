/**
 * Compares two names by their characters' numbers, which is the same order everywhere. `localeCompare` loads the tables of
 * all languages first, which takes a process longer than the rest of a status page.
 */
export function inOrder(one: string, other: string): number {
  if (one === other) return 0;
  return one < other ? -1 : 1;
}
