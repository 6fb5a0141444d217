import * as v from 'valibot';

/** Checks the length of a list before its items. */
export function atMost(limit: number) {
  return v.custom<unknown[]>(
    (input) => Array.isArray(input) && input.length <= limit,
    'is not a list of plausible length',
  );
}

/** A list of at most so many items. */
export function listOf<T extends v.GenericSchema>(item: T, limit: number) {
  return v.pipe(atMost(limit), v.array(item), v.readonly());
}

/**
 * Checks the number of names in an object before their values. The result has no prototype, so no name of `Object` is
 * in it.
 */
export function byName<T extends v.GenericSchema>(
  name: v.GenericSchema<string, string>,
  schema: T,
  limit: number,
) {
  return v.pipe(
    v.custom<Record<string, unknown>>(
      (input) => isByName(input) && Object.keys(input).length <= limit,
      'is not an object, or has too many names',
    ),
    v.record(name, schema),
    v.transform((record): Record<string, v.InferOutput<T>> => Object.assign(Object.create(null), record)),
  );
}

/** True for an object, but not for a list: an empty list would pass as a mirror without databases. */
export function isByName(input: unknown): input is Record<string, unknown> {
  return typeof input === 'object' && input !== null && !Array.isArray(input);
}
