import * as v from 'valibot';
import { MANIFEST_DATABASES, MANIFEST_FILES } from '../base/limits/manifest.ts';
import { isByName } from '../base/schema.ts';
import { type FileRecord, FileSchema } from '../store/file-record.ts';
import { ExtrasSchema, knownExtras } from './extras.ts';
import {
  DatabaseName,
  DatabaseSchema,
  FileName,
  type Manifest,
  parseManifestJson,
  requireManifest,
  whyNot,
} from './manifest.ts';

const PartsSchema = v.partial(DatabaseSchema);
type DatabaseParts = v.InferOutput<typeof PartsSchema>;

/** Record of a database that is not valid as a whole. */
export interface UnreadDatabase {
  readonly why: string;
  /** Fields that are valid. */
  readonly parts: DatabaseParts;
  /** True if the record had a pin that is not valid. */
  readonly isPinLost: boolean;
}

/** Parts of a store's own manifest that are not valid. */
export interface Unread {
  readonly databases: ReadonlyMap<string, UnreadDatabase>;
  /** Names of our files without a valid size and hash. */
  readonly files: readonly string[];
  /** Names that none of our files and databases can have. */
  readonly strangers: readonly string[];
}

export interface OwnManifest {
  /** Valid part of the manifest, without the databases and files in `unread`. */
  readonly manifest: Manifest;
  /** Invalid parts; `undefined` if the whole manifest is valid. */
  readonly unread: Unread | undefined;
}

/**
 * Parses the manifest of our own store one database and one file at a time: a wrong number damages no other record,
 * because the files of the store can show what is true (check/completed-records.ts). Everything else must match the
 * schema that holds for any manifest. Throws as `parseManifest` does.
 */
export function parseOwnManifest(text: string, where: string): OwnManifest {
  const json = parseManifestJson(text, where);
  const frame = v.safeParse(FrameSchema, json);
  if (!frame.success) return { manifest: requireManifest(json, where), unread: undefined };
  const strangers: string[] = [];
  const databases = new Map<string, UnreadDatabase>();
  const knownDatabases: Record<string, unknown> = Object.create(null);
  for (const [name, entry] of Object.entries(frame.output.databases)) {
    const parsed = v.safeParse(DatabaseSchema, entry);
    if (!v.is(DatabaseName, name)) strangers.push(name);
    else if (parsed.success) knownDatabases[name] = entry;
    else databases.set(name, unreadDatabase(entry, whyNot(parsed.issues)));
  }
  const files: string[] = [];
  const knownFiles: Record<string, unknown> = Object.create(null);
  for (const [name, entry] of Object.entries(frame.output.files)) {
    if (!v.is(FileName, name)) strangers.push(name);
    else if (v.is(FileSchema, entry)) knownFiles[name] = entry;
    else files.push(name);
  }
  const { extras: said, ...rest } = frame.output;
  if (said !== undefined && !v.is(ExtrasSchema, said)) strangers.push('extras');
  const extras = said === undefined ? undefined : knownExtras(said);
  const known = { databases: knownDatabases, files: knownFiles, ...(extras && { extras }) };
  const manifest = requireManifest({ ...rest, ...known }, where);
  const isWhole = databases.size + files.length + strangers.length === 0;
  return { manifest, unread: isWhole ? undefined : { databases, files, strangers } };
}

/** Names of all invalid parts. */
export function unreadNames(unread: Unread | undefined): string[] {
  return unread === undefined ? [] : [...unread.databases.keys(), ...unread.files, ...unread.strangers];
}

/** Valid records of files and extras by name; `undefined` if this is not a manifest of ours. */
export function filesOfOwn(text: string, where: string): Readonly<Record<string, FileRecord>> | undefined {
  try {
    const { files, extras } = parseOwnManifest(text, where).manifest;
    return { ...files, ...extras?.files };
  } catch {
    return undefined;
  }
}

/** Checks the number of names in an object before their values. */
function named(limit: number) {
  return v.custom<Record<string, unknown>>((input) => isByName(input) && Object.keys(input).length <= limit);
}

const FrameSchema = v.looseObject({ databases: named(MANIFEST_DATABASES), files: named(MANIFEST_FILES) });

function unreadDatabase(entry: unknown, why: string): UnreadDatabase {
  const fields = v.safeParse(v.record(v.string(), v.unknown()), entry);
  const said = fields.success ? fields.output : {};
  const known = Object.entries(DatabaseSchema.entries).flatMap(([name, schema]) => {
    const parsed = v.safeParse(schema, name === 'missingCdiffs' ? countsIn(said[name]) : said[name]);
    return parsed.success && parsed.output !== undefined ? [[name, parsed.output]] : [];
  });
  const parts = v.parse(PartsSchema, Object.fromEntries(known));
  return { why, parts, isPinLost: said.held !== undefined && parts.held === undefined };
}

/** Versions in a list, without the entries that are no version. */
function countsIn(list: unknown): unknown {
  if (!Array.isArray(list)) return undefined;
  return list.slice(0, MANIFEST_FILES).filter((step) => v.is(DatabaseSchema.entries.version, step));
}
