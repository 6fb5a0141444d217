import { isDeepStrictEqual } from 'node:util';
import { optionsOf, sharedOptions } from '../commands/commands.ts';
import { SECTIONS } from '../config/parse.ts';
import { type Form, formOf, jsonOf, wordPattern } from '../form.ts';
import { fallbackOf, helpOf, type Option } from '../option.ts';

/** Path of the published schema, below the root of this project. */
export const SCHEMA_FILE = 'site/clamav-mirror.schema.json';

const TITLE = 'Options of clamav-mirror';
const DESCRIPTION =
  'Each key is an option, for every command that has it. An object named after a command holds options for that command alone, which count more. A flag or a variable counts more than this file. Relative paths start from its folder.';

type Json = Readonly<Record<string, unknown>>;

/** An option of a command. */
interface Row {
  readonly command: string;
  readonly option: Option;
}

/** The JSON Schema of a settings file, as the rows of all commands make it. */
export function schemaText(): string {
  const rows = SECTIONS.flatMap((command) => optionsOf(command).map((option): Row => ({ command, option })));
  const shared = new Map(
    [...Map.groupBy(rows, ({ option }) => option.name)]
      .filter(([name]) => sharedOptions().has(name))
      .map(([name, same]) => [name, schemaOf(same)] as const),
  );
  const sections = SECTIONS.map((command) => {
    const own = rows.filter((row) => row.command === command);
    const section = sectionOf(command, own, shared);
    const option = shared.get(command); // `client` is the name of a command and of an option
    return [command, option === undefined ? section : { anyOf: [option, section] }] as const;
  });
  const schema = {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: TITLE,
    description: DESCRIPTION,
    type: 'object',
    allowComments: true,
    allowTrailingCommas: true,
    properties: {
      $schema: { type: 'string', description: 'where this schema is, for editors' },
      ...Object.fromEntries([...shared, ...sections]),
    },
    additionalProperties: false,
  };
  return `${JSON.stringify(schema, undefined, 2)}\n`;
}

/** The options of one command; it refers to those that are the same for all. */
function sectionOf(command: string, rows: readonly Row[], shared: ReadonlyMap<string, Json>): Json {
  const properties = rows.map((row) => {
    const { name } = row.option;
    const own = schemaOf([row]);
    const isShared = isDeepStrictEqual(own, shared.get(name)) && !SECTIONS.includes(name);
    return [name, isShared ? { $ref: `#/properties/${name}` } : own];
  });
  return {
    description: `for the command ${command} alone`,
    type: 'object',
    properties: Object.fromEntries(properties),
    additionalProperties: false,
  };
}

/** What one option takes, in any of these commands: values of one kind. */
function schemaOf(rows: readonly Row[]): Json {
  const [first, ...others] = rows.map(({ option }) => option);
  if (first === undefined) throw new Error('an option without a row');
  const forms = rows.map(({ option }) => formOf(option));
  const form = formOf(first);
  const fallback = fallbackOf(first);
  const isSame = others.every((other) => fallbackOf(other) === fallback);
  return {
    description: descriptionOf(rows),
    ...typeOf(form),
    ...limitsOf(forms),
    // a path of ours starts where the command is run, and not from the file
    ...(isSame && fallback !== undefined && form.kind !== 'path' && { default: jsonOf(form, fallback) }),
    ...(first.example !== undefined && { examples: [jsonOf(form, first.example)] }),
  };
}

/** The help of these rows; where they differ, with the commands that each is for. */
function descriptionOf(rows: readonly Row[]): string {
  const byHelp = Map.groupBy(rows, ({ option }) => helpIn(option));
  const [only, ...others] = byHelp.keys();
  if (only !== undefined && others.length === 0) return only;
  return [...byHelp]
    .map(([help, same]) => `${same.map(({ command }) => command).join(', ')}: ${help}`)
    .join('; ');
}

/** The default is told by `default`, unless it is no value that the file could have. */
function helpIn(option: Option): string {
  const { help, usually, fallback } = option;
  const inWords = formOf(option).kind === 'path' ? (fallback ?? usually) : usually;
  return helpOf({ help, ...(inWords !== undefined && { usually: inWords }) });
}

function typeOf(form: Form): Json {
  if (form.kind === 'switch') return { type: 'boolean' };
  if (form.kind === 'number') return { type: 'integer' };
  if (form.kind === 'list')
    return { type: 'array', items: { type: 'string', pattern: wordPattern(form) }, minItems: 1 };
  return { type: 'string', minLength: 1 };
}

/** The widest range of numbers, or the choices. */
function limitsOf(forms: readonly Form[]): Json {
  const ranges = forms.filter((form) => form.kind === 'number');
  if (ranges.length > 0) {
    const [least, most] = [ranges.map(({ least }) => least), ranges.map(({ most }) => most)];
    return { minimum: Math.min(...least), maximum: Math.max(...most) };
  }
  const choices = forms.flatMap((form) => (form.kind === 'text' ? (form.choices ?? []) : []));
  return choices.length === 0 ? {} : { enum: [...new Set(choices)] };
}
