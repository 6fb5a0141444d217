import * as v from 'valibot';
import { MirrorError } from '../base/errors.ts';
import { fallbackOf, type Option, type Values } from './option.ts';

/** A flag, input or variable has a value that makes no sense. */
export class SettingError extends MirrorError<'setting/invalid'> {}

/** Settings as they were given: flags by option name, and the environment. */
export interface Given {
  readonly flags: Readonly<Record<string, string | undefined>>;
  /** Variables, and below them what a file says: it stands where its variable would, if there is none. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Name by which people know a setting: a flag, which is the default, or an input of the action. */
  readonly kind?: 'flag' | 'input';
  /** The settings file, and where in it each value stands that counts. */
  readonly file?: GivenFile;
}

export interface GivenFile {
  readonly path: string;
  readonly places: Readonly<Record<string, { readonly line: number; readonly column: number }>>;
  /** Names of its secrets, if other accounts of the machine can read them. */
  readonly exposed: readonly string[];
}

/** Reads the values of these rows. Throws `setting/invalid` with all that is wrong. */
export function validated<Rows extends readonly Option[]>(options: Rows, from: Given): Values<Rows> {
  const entries = options.flatMap((option) => {
    const value = textOf(option.name, from) ?? fallbackOf(option);
    return value === undefined ? [] : [[option.name, value] as const];
  });
  const parsed = v.safeParse(schemaOf(options), Object.fromEntries(entries));
  if (parsed.success) return parsed.output as Values<Rows>;
  const wrong = new Map<string, string>(); // one word for each setting is enough
  const row = (name: string) => options.find((one) => one.name === name);
  const isArgument = (name: string) => row(name)?.isArgument === true;
  for (const { path, input, message } of parsed.issues) {
    const name = String(path?.[0]?.key ?? 'setting');
    const what = input === undefined ? 'is needed' : quoting(row(name), message, input);
    const who = isArgument(name) && from.kind !== 'input' ? `the argument <${name}>` : named(name, from);
    if (!wrong.has(name)) wrong.set(name, `${who} ${what}`);
  }
  const flags = [...wrong.keys()].filter((name) => !isArgument(name));
  throw new SettingError('setting/invalid', [...wrong.values()].join('; '), {
    advice: adviceOn(flags, from),
  });
}

/** What is wrong with a value of an option, in words that stand behind its name; `undefined` if nothing is. */
export function problemOf(option: Option, text: string): string | undefined {
  const { issues } = v.safeParse(option.schema, text);
  return issues && quoting(option, issues[0].message, text);
}

function quoting(option: Option | undefined, message: string, input: unknown): string {
  return option?.secret ? message : `${message}: ${withoutPassword(JSON.stringify(input))}`;
}

/** A text without the users and passwords of the URLs in it. */
export function withoutPassword(text: string): string {
  return text.includes('//') ? text.replace(/\/\/.*@/, '//***@') : text.replace(/^("?)[^/]*:.*@/, '$1***@');
}

/** What was given for a setting, before it is read: by a flag, a variable or the file, the first of them that is there. */
export function textOf(name: string, { flags, environment }: Given): string | undefined {
  return flags[name] ?? variable(name, environment);
}

/** Where the value of a setting comes from. */
export function sourceOf(name: string, from: Given): 'flag' | 'variable' | 'file' | 'default' {
  if (from.flags[name] !== undefined) return 'flag';
  if (variable(name, from.environment) === undefined) return 'default';
  return from.file !== undefined && Object.hasOwn(from.file.places, name) ? 'file' : 'variable';
}

/** Reads several settings and says all that is wrong with any of them at once. Throws `setting/invalid`. */
export function together<T extends Readonly<Record<string, () => unknown>>>(
  reads: T,
): { [Name in keyof T]: ReturnType<T[Name]> } {
  const errors: SettingError[] = [];
  const found = Object.entries(reads).map(([name, read]) => {
    try {
      return [name, read()];
    } catch (error) {
      if (!(error instanceof SettingError)) throw error;
      errors.push(error);
      return [name, undefined];
    }
  });
  const [error, ...others] = errors;
  if (error === undefined) return Object.fromEntries(found);
  if (others.length === 0) throw error;
  const said = (words: readonly (string | undefined)[]) =>
    [...new Set(words)].filter((one) => one !== undefined);
  throw new SettingError('setting/invalid', said(errors.map(({ message }) => message)).join('; '), {
    advice: said(errors.map(({ advice }) => advice)).join('. '),
  });
}

/** A setting as people know it. */
export function named(name: string, from: Given): string {
  if (sourceOf(name, from) === 'file') return `${placeOf(name, from)}: ${name}`;
  return from.kind === 'input' ? `the input ${name}` : `--${name}`;
}

/** The place of a setting in the file that it comes from. */
export function placeOf(name: string, { file }: Given): string {
  const { line, column } = file?.places[name] ?? {};
  return `${file?.path}:${line}:${column}`;
}

function schemaOf(options: readonly Option[]) {
  const entries = options.map((option) => {
    const { name, schema, isNeeded = false, isArgument = false } = option;
    const isGiven = isNeeded || isArgument || fallbackOf(option) !== undefined;
    return [name, isGiven ? schema : v.optional(schema)] as const;
  });
  return v.object(Object.fromEntries(entries));
}

function adviceOn(names: readonly string[], from: Given): string {
  const [name] = names;
  if (name !== undefined && sourceOf(name, from) === 'file')
    return '"clamav-mirror config" shows every setting and where it comes from';
  if (from.kind === 'input') return "The action's README and action.yml say what each input takes";
  if (name === undefined) return 'It stands behind the name of the command; see --help';
  const one = names.length === 1 ? 'It comes from the flag' : 'The first comes from the flag';
  return `${one} --${name} or the variable ${variableOf(name)}; see --help`;
}

/** Kubernetes gives the address of a service named `clamav-mirror` in a variable that looks like ours for a port. */
const OF_KUBERNETES = /^(tcp|udp|sctp):\/\//;

function variable(name: string, environment: Given['environment']): string | undefined {
  const value = environment[variableOf(name)] || undefined;
  return name === 'port' && value !== undefined && OF_KUBERNETES.test(value) ? undefined : value;
}

export function variableOf(name: string): string {
  return `CLAMAV_MIRROR_${name.replaceAll('-', '_').toUpperCase()}`;
}
