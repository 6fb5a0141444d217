/** Objects and arrays of one text: what we publish has one for each file, and twenty thousand files at most. */
const CONTAINERS_LIMIT = 100_000;

/**
 * Parses JSON of a stranger, for a price that is known before: eight megabytes of `[` take 345 MB. It needs no package.
 * Throws a `RangeError` for what is too large, and a `SyntaxError`. What is returned is still to be held to a schema.
 */
export function parseJson(text: string, limit: number): unknown {
  if (text.length > limit) throw new RangeError(`it has more than ${limit} characters`);
  let containers = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if ((code === BRACKET || code === BRACE) && ++containers > CONTAINERS_LIMIT)
      throw new RangeError(`it has more than ${CONTAINERS_LIMIT} objects and lists`);
  }
  return JSON.parse(text);
}

const BRACKET = '['.charCodeAt(0);
const BRACE = '{'.charCodeAt(0);
