import { JSON_CONTAINERS } from './limits/manifest.ts';

/**
 * Parses a stranger's JSON within a known amount of memory, without any package. Throws a `RangeError` if the text
 * or its number of objects and lists is too large, and a `SyntaxError`. The value still has to be checked against a
 * schema.
 */
export function parseJson(text: string, limit: number): unknown {
  if (text.length > limit) throw new RangeError(`it has more than ${limit} characters`);
  if (text.length <= JSON_CONTAINERS) return JSON.parse(text); // it has no room for so many
  let containers = 0;
  for (const start of ['[', '{']) {
    for (let at = text.indexOf(start); at !== -1; at = text.indexOf(start, at + 1)) {
      if (++containers > JSON_CONTAINERS)
        throw new RangeError(`it has more than ${JSON_CONTAINERS} objects and lists`);
    }
  }
  return JSON.parse(text);
}
