import type * as v from 'valibot';

/**
 * One setting, in one row: a flag `--name`, a variable `CLAMAV_MIRROR_NAME` and a key `"name"` of a file. Help, inputs of the
 * action, the README's table and the file's JSON Schema are made from rows.
 */
export interface Option {
  readonly name: string;
  /** Form of the flag's value; without it the flag stands alone and the variable is `true` or `false`. */
  readonly value?: string;
  readonly help: string;
  /** Value if neither the flag nor the variable is given. */
  readonly fallback?: string;
  /** The same in words, where no single value holds. */
  readonly usually?: string;
  /** A value that shows what it is like, where there is no fallback. */
  readonly example?: string;
  /** The command cannot do without it. */
  readonly isNeeded?: true;
  /** It is no flag, but stands behind the name of the command, which cannot do without it. */
  readonly isArgument?: true;
  /** Its value opens something: it is printed nowhere, in no error either. */
  readonly secret?: true;
  /** The flag may stand several times; its values then stand in one text, each in a line. */
  readonly isRepeatable?: true;
  readonly schema: v.GenericSchema<string, unknown>;
}

/** Values of rows, by name; `undefined` where nothing was given and there is no fallback. */
export type Values<Rows extends readonly Option[]> = {
  readonly [Row in Rows[number] as Row['name']]: Row extends
    | { readonly fallback: string }
    | { readonly isNeeded: true }
    | { readonly isArgument: true }
    ? v.InferOutput<Row['schema']>
    : Row extends { readonly value: string }
      ? v.InferOutput<Row['schema']> | undefined
      : v.InferOutput<Row['schema']>;
};

/** Value of an option that was not given; a switch is off. */
export function fallbackOf({ fallback, value }: Option): string | undefined {
  return fallback ?? (value === undefined ? 'false' : undefined);
}

/** Picks the rows with these names, in the order of the rows. */
export function pick<const Row extends Option, const Name extends Row['name']>(
  rows: readonly Row[],
  names: readonly Name[],
): readonly Extract<Row, { readonly name: Name }>[] {
  return rows.filter((row): row is Extract<Row, { readonly name: Name }> =>
    names.some((name) => name === row.name),
  );
}

/** The help of an option, with what holds if it is not given. */
export function helpOf({ help, fallback, usually }: Pick<Option, 'help' | 'fallback' | 'usually'>): string {
  const otherwise = fallback ?? usually;
  return otherwise === undefined ? help : `${help} (default: ${otherwise})`;
}
