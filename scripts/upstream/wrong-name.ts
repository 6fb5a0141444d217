import { isMissing, UpstreamError } from './error.ts';
import { USUAL_DATABASES } from './official.ts';

/**
 * Turns an error about a database that was never published here into `upstream/no-database`, if upstream has no file of
 * this name and it is not a usual one. Then the name is wrong, and another attempt does not help.
 */
export function asWrongName(error: unknown, database: string, published: readonly string[]): unknown {
  if (!isMissing(error) || USUAL_DATABASES.includes(database)) return error;
  const meant = nearest(database, [...new Set([...USUAL_DATABASES, ...published])]);
  const question = meant === undefined ? '' : `; did you mean ${meant}?`;
  return new UpstreamError('upstream/no-database', `upstream has no database named ${database}${question}`, {
    cause: error,
    advice: 'Name databases of this upstream with --databases. The other databases go on meanwhile',
  });
}

/** Finds the name that differs by one or two typing errors. */
function nearest(name: string, others: readonly string[]): string | undefined {
  const slips = others
    .filter((other) => other !== name)
    .map((other) => ({ other, count: distance(name.toLowerCase(), other) }));
  const best = slips.sort((one, other) => one.count - other.count)[0];
  return best !== undefined && best.count <= 2 ? best.other : undefined;
}

/** Number of letters to insert, delete, exchange or swap with the next one. */
function distance(from: string, to: string): number {
  const rows = Array.from({ length: from.length + 1 }, (_, row) => [row]);
  const at = (row: number, column: number) => rows[row]?.[column] ?? 0;
  for (let column = 1; column <= to.length; column++) {
    for (let row = 0; row <= from.length; row++) {
      if (row === 0) {
        rows[0]?.push(column);
        continue;
      }
      const other = from[row - 1] === to[column - 1] ? 0 : 1;
      const isSwap =
        row > 1 && column > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      const best = Math.min(
        at(row - 1, column) + 1,
        at(row, column - 1) + 1,
        at(row - 1, column - 1) + other,
      );
      rows[row]?.push(isSwap ? Math.min(best, at(row - 2, column - 2) + 1) : best);
    }
  }
  return at(from.length, to.length);
}
