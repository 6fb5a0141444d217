import * as v from 'valibot';
import { parseJson } from '../base/json.ts';
import { FILE_NAME_CHARACTERS, NAME_CHARACTERS } from '../base/limits/databases.ts';
import { MANIFEST_NUMBER } from '../base/limits/manifest.ts';
import { CHANGES_BRACKETS, CHANGES_BYTES, CHANGES_FILES, CHANGES_VERSIONS } from '../base/limits/page.ts';
import { VERSION } from '../base/version.ts';
import { DATABASE_NAME } from '../cvd/names.ts';
import { Time } from '../store/file-record.ts';
import { type ChangedNames, countsOf, type FileChange, KINDS_OF_CHANGE, SOURCES, type Step } from './step.ts';

export const Count = v.pipe(v.number(), v.safeInteger(), v.minValue(0), v.maxValue(MANIFEST_NUMBER));
const Database = v.pipe(v.string(), v.regex(DATABASE_NAME));
const Generator = v.pipe(v.string(), v.regex(/^clamav-mirror\/[\w.+-]{1,40}$/));

const isName = (name: unknown) =>
  typeof name === 'string' && name.length <= NAME_CHARACTERS && /^[ -~]+$/.test(name);

const NamesSchema = v.object({
  lines: Count,
  names: v.custom<readonly string[]>((names) => Array.isArray(names) && names.every(isName)),
  nameless: v.optional(Count),
  unknown: v.optional(Count),
  cut: v.optional(Count),
});

const FileChangeSchema = v.object({
  file: v.pipe(v.string(), v.maxLength(FILE_NAME_CHARACTERS), v.regex(/^[A-Za-z0-9][\w.-]*$/)),
  added: v.optional(NamesSchema),
  removed: v.optional(NamesSchema),
  exchanged: v.optional(NamesSchema),
  gone: v.optional(v.literal(true)),
});

/** Form of a list of changes. A reader ignores fields that it does not know. */
const StepSchema = v.object({
  format: v.literal(1),
  generator: Generator,
  database: Database,
  /** Versions before and after. */
  from: Count,
  to: Count,
  /** Time at which Talos built the version. */
  built: v.optional(Time),
  source: v.picklist(SOURCES),
  /** Lines in all files. */
  added: Count,
  removed: Count,
  exchanged: Count,
  files: v.pipe(v.array(FileChangeSchema), v.maxLength(CHANGES_FILES)),
});

/** Text of `changes/daily-28101.json`. Names that do not fit are counted instead; the longest lists lose them. */
export function encodeStep(step: Step): string {
  const { database, from, to, built, source } = step;
  const { files } = fitted(step);
  const head = {
    ...{ format: 1, generator: `clamav-mirror/${VERSION}`, database, from, to },
    ...(built !== undefined && { built }),
    ...{ source, ...countsOf(step) },
  };
  const lines = files.map((file) => `\n  ${JSON.stringify(file)}`).join();
  return `${JSON.stringify(head, undefined, 2).slice(0, -2)},\n  "files": [${lines}]\n}\n`;
}

/** Parses such a text. It decides nothing, so one that cannot be understood is none. */
export function parseStep(text: string | undefined, database: string, to: number): Step | undefined {
  const parsed = v.safeParse(StepSchema, jsonOf(text, CHANGES_BYTES));
  if (!parsed.success || parsed.output.database !== database || parsed.output.to !== to) return undefined;
  return parsed.output.from < to ? (parsed.output as Step) : undefined;
}

/** Form of a file that says something of each version of a database. */
export function versionsSchema<T extends v.GenericSchema>(version: T) {
  return v.object({
    format: v.literal(1),
    generator: Generator,
    database: Database,
    versions: v.pipe(v.array(version), v.maxLength(CHANGES_VERSIONS)),
  });
}

/** Text of such a file, one line for each version. */
export function encodeVersions(database: string, versions: readonly object[]): string {
  const lines = versions.map((one) => `\n    ${JSON.stringify(one)}`).join();
  return [
    '{',
    '  "format": 1,',
    `  "generator": "clamav-mirror/${VERSION}",`,
    `  "database": "${database}",`,
    `  "versions": [${lines}]`,
    '}\n',
  ].join('\n');
}

export function jsonOf(text: string | undefined, limit: number): unknown {
  if (text === undefined) return undefined;
  try {
    return parseJson(text, limit);
  } catch {
    return undefined; // RangeError or SyntaxError
  }
}

/** Bytes for what is not a name: a thousand files with their counts. */
const FRAME_SIZE = 384 * 1024;

function fitted({ files }: Pick<Step, 'files'>): { files: readonly FileChange[] } {
  let bytes = CHANGES_BYTES - FRAME_SIZE;
  let brackets = CHANGES_BRACKETS;
  const lists = files.flatMap((file) => KINDS_OF_CHANGE.flatMap((kind) => file[kind] ?? []));
  const fits = new Map<ChangedNames, ChangedNames>();
  for (const list of lists.sort((a, b) => a.names.length - b.names.length)) {
    const end = list.names.findIndex((name) => {
      bytes -= JSON.stringify(name).length + 1;
      brackets -= name.split(/[[{]/).length - 1;
      return bytes < 0 || brackets < 0;
    });
    const cut = end === -1 ? 0 : list.names.length - end;
    fits.set(list, cut === 0 ? list : { ...list, names: list.names.slice(0, end), cut });
  }
  const fitting = (file: FileChange): FileChange => ({
    ...file,
    ...Object.fromEntries(
      KINDS_OF_CHANGE.flatMap((kind) => (file[kind] ? [[kind, fits.get(file[kind])]] : [])),
    ),
  });
  return { files: files.map(fitting) };
}
