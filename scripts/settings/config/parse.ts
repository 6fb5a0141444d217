import { dirname, resolve } from 'node:path';
import type { Node } from 'jsonc-parser';
import { counted } from '../../base/words.ts';
import { isS3Address } from '../../store/s3/address.ts';
import { COMMANDS, optionsOf, sharedOptions } from '../commands/commands.ts';
import { type Form, formOf, wordPattern } from '../form.ts';
import { nearest } from '../nearest.ts';
import type { Option } from '../option.ts';
import { problemOf, SettingError } from '../read.ts';
import { type Parsed, type Place, parseJsonc } from './syntax.ts';

/** A value of the file as a flag would have it, and where it stands. */
export interface Placed extends Place {
  readonly text: string;
}
type Values = ReadonlyMap<string, Placed>;

/** A settings file: values for every command that has such an option, and for single commands. */
export interface Config {
  readonly shared: Values;
  readonly sections: ReadonlyMap<string, Values>;
}

/** `doctor` tries the settings of `sync`. */
export const READS_OF: Readonly<Record<string, string>> = { doctor: 'sync' };
export const SECTIONS = Object.keys(COMMANDS).filter((name) => !Object.hasOwn(READS_OF, name));

/**
 * Reads the text of a settings file. Each value must suit at least one command, so that the whole file is right or wrong
 * whichever command is run. Throws `setting/invalid` with all that is wrong, each with its line and column.
 */
export function parseConfig(text: string, path: string): Config {
  const parsed = parseJsonc(text, path);
  const problems: Problem[] = [];
  const say = (node: Node, what: string) => problems.push({ node, what });
  const reader: Reader = { ...parsed, folder: dirname(path), say };
  const entries = entriesOf(parsed.root, reader);
  const [own, shared] = [entries.filter(isSection), entries.filter((entry) => !isSection(entry))];
  const config: Config = {
    shared: valuesOf(shared.filter(isSetting), sharedOptions(), reader),
    sections: new Map(own.map(({ name, value }) => [name, sectionOf(name, value, reader)])),
  };
  if (problems.length === 0) return config;
  throw new SettingError('setting/invalid', sentenceOn(problems, path, parsed), { advice: ADVICE });
}

interface Problem {
  readonly node: Node;
  readonly what: string;
}

/** So many problems of one file are told at once. */
const TOLD = 10;

function sentenceOn(problems: readonly Problem[], path: string, { placeOf }: Parsed): string {
  const inOrder = problems.toSorted((one, other) => one.node.offset - other.node.offset);
  const told = inOrder.slice(0, TOLD).map(({ node, what }) => {
    const { line, column } = placeOf(node);
    return `${path}:${line}:${column}: ${what}`;
  });
  const more = problems.length - told.length;
  return [...told, ...(more > 0 ? [`and ${counted(more, 'other problem')}`] : [])].join('; ');
}

const ADVICE = 'site/clamav-mirror.schema.json describes every key; editors complete them by it';

interface Reader extends Parsed {
  readonly folder: string;
  readonly say: (node: Node, what: string) => void;
}

interface Entry {
  readonly name: string;
  readonly key: Node;
  readonly value: Node;
}

/** An object is the section of a command, anything else the value of an option: `client` is the name of both. */
function isSection({ name, value }: Entry): boolean {
  return value.type === 'object' && SECTIONS.includes(name);
}

/** Editors look for the schema of the file there. */
function isSetting({ name, value }: Entry): boolean {
  return name !== '$schema' || value.type !== 'string';
}

function sectionOf(command: string, node: Node, reader: Reader): Values {
  const options = Map.groupBy(optionsOf(command), ({ name }) => name);
  return valuesOf(entriesOf(node, reader), options, reader);
}

/** The entries of an object, each name once. */
function entriesOf(object: Node, { say }: Reader): Entry[] {
  if (object.type !== 'object') say(object, 'the file holds one object: { "option": value }');
  const entries = new Map<string, Entry>();
  for (const { type, children: [key, value] = [] } of object.children ?? []) {
    if (type !== 'property' || key === undefined || value === undefined) continue;
    const name = String(key.value);
    if (entries.has(name)) say(key, `${JSON.stringify(name)} stands there twice`);
    entries.set(name, { name, key, value });
  }
  return [...entries.values()];
}

function valuesOf(
  entries: readonly Entry[],
  known: ReadonlyMap<string, readonly Option[]>,
  reader: Reader,
): Values {
  return new Map(
    entries.flatMap(({ name, key, value }) => {
      const [option, ...others] = known.get(name) ?? [];
      if (option === undefined) {
        reader.say(key, unknown(name, [...known.keys()]));
        return [];
      }
      const form = formOf(option);
      const text = textOf(value, form, reader.folder);
      const problem = text === undefined ? TAKES[form.kind] : problemOf(option, text);
      const suits = text !== undefined && others.some((other) => problemOf(other, text) === undefined);
      if (problem !== undefined && !suits) reader.say(value, `${name} ${problem}`);
      return [[name, { text: text ?? '', ...reader.placeOf(value) }]];
    }),
  );
}

function unknown(name: string, known: readonly string[]): string {
  if (SECTIONS.includes(name)) return `${name} takes an object with options of that command`;
  const commands = SECTIONS.filter((command) => optionsOf(command).some((option) => option.name === name));
  if (commands.length > 1 && !sharedOptions().has(name))
    return `${name} is another thing to each command: put it into an object named ${commands.join(' or ')}`;
  const meant = nearest(asOption(name), known);
  return `${JSON.stringify(name)} is unknown${meant === undefined ? '' : ` (did you mean ${JSON.stringify(meant)}?)`}`;
}

/** The name of an option, as those mean it who think of the variable or of camelCase. */
function asOption(name: string): string {
  return name
    .replace(/^CLAMAV_MIRROR_/, '')
    .replace(/_|(?<=[a-z\d])(?=[A-Z])/g, '-')
    .toLowerCase();
}

const TAKES: Readonly<Record<Form['kind'], string>> = {
  text: 'takes a text in quotes',
  path: 'takes a path in quotes',
  switch: 'takes true or false',
  number: 'takes a whole number, without quotes',
  list: 'takes a list such as ["one", "two"]',
};

/** The text that a flag would have; `undefined` if the value is of another kind. */
function textOf({ type, value, children = [] }: Node, form: Form, folder: string): string | undefined {
  if (form.kind === 'switch') return type === 'boolean' ? String(value) : undefined;
  if (form.kind === 'number') return Number.isSafeInteger(value) ? String(value) : undefined;
  if (form.kind === 'list') {
    const word = new RegExp(wordPattern(form), 'u');
    const isWord = (item: Node) => item.type === 'string' && word.test(item.value);
    const isList = type === 'array' && children.length > 0 && children.every(isWord);
    return isList ? children.map((item) => item.value).join(form.separator) : undefined;
  }
  if (type !== 'string' || value === '') return undefined;
  return form.kind === 'path' && !isS3Address(value) ? resolve(folder, value) : value;
}
