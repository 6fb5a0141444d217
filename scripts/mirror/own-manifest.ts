import * as v from 'valibot';
import { MANIFEST_DATABASES, MANIFEST_FILES } from '../base/limits/manifest.ts';
import { type FileRecord, FileSchema } from '../store/file-record.ts';
import {
  DatabaseName,
  DatabaseSchema,
  FileName,
  isByName,
  judged,
  type Manifest,
  parseManifestJson,
  whyNot,
} from './manifest.ts';

const PartsSchema = v.partial(DatabaseSchema);
type DatabaseParts = v.InferOutput<typeof PartsSchema>;

/** A database of the manifest that cannot be understood as a whole. */
export interface UnreadDatabase {
  readonly why: string;
  /** As much of it as can be understood, field by field. */
  readonly parts: DatabaseParts;
  /** True if there was a pin that says nothing. */
  readonly isPinLost: boolean;
}

/** The parts of a store's own manifest that cannot be understood. */
export interface Unread {
  readonly databases: ReadonlyMap<string, UnreadDatabase>;
  /** Names of files of ours whose size or hash says nothing. */
  readonly files: readonly string[];
  /** Names that no file or database of ours can have. */
  readonly strangers: readonly string[];
}

export interface OwnManifest {
  /** What can be understood: the databases and files that are unread are not in it. */
  readonly manifest: Manifest;
  /** `undefined`: all of it is understood. */
  readonly unread: Unread | undefined;
}

/**
 * Parses the manifest of a store of ours, one database and one file at a time: a wrong number in one of them takes nothing
 * else with it, for the store's own files can tell what is true (check/completed-records.ts). All the rest is held to the same
 * schema as a manifest of anybody's. Throws as `parseManifest` does.
 */
export function parseOwnManifest(text: string, where: string): OwnManifest {
  const json = parseManifestJson(text, where);
  const frame = v.safeParse(FrameSchema, json);
  if (!frame.success) return { manifest: judged(json, where), unread: undefined };
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
  const manifest = judged({ ...frame.output, databases: knownDatabases, files: knownFiles }, where);
  const isWhole = databases.size + files.length + strangers.length === 0;
  return { manifest, unread: isWhole ? undefined : { databases, files, strangers } };
}

/** The names of databases and files that are unread. */
export function unreadNames(unread: Unread | undefined): string[] {
  return unread === undefined ? [] : [...unread.databases.keys(), ...unread.files, ...unread.strangers];
}

/** Files by name, as far as they can be understood; `undefined`: this is no manifest of ours. */
export function filesOfOwn(text: string, where: string): Readonly<Record<string, FileRecord>> | undefined {
  try {
    return parseOwnManifest(text, where).manifest.files;
  } catch {
    return undefined;
  }
}

/** Looks at the number of names before what is under them. */
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

/** A list of versions without those that are none. */
function countsIn(list: unknown): unknown {
  if (!Array.isArray(list)) return undefined;
  return list.slice(0, MANIFEST_FILES).filter((step) => v.is(DatabaseSchema.entries.version, step));
}
