import { JSON_CONTAINERS } from './limits/manifest.ts';

/**
 * Parses JSON of a stranger, for a price that is known before: eight megabytes of `[` take 345 MB. It needs no package.
 * Throws a `RangeError` for what is too large, and a `SyntaxError`. What is returned is still to be held to a schema.
 */
export function parseJson(text: string, limit: number): unknown {
  if (text.length > limit) throw new RangeError(`it has more than ${limit} characters`);
  let containers = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if ((code === BRACKET || code === BRACE) && ++containers > JSON_CONTAINERS)
      throw new RangeError(`it has more than ${JSON_CONTAINERS} objects and lists`);
  }
  return JSON.parse(text);
}

const BRACKET = '['.charCodeAt(0);
const BRACE = '{'.charCodeAt(0);
