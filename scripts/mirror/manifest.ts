import * as v from 'valibot';
import { parseJson } from '../base/json.ts';
import {
  isPlausibleCount,
  MANIFEST_BYTES,
  MANIFEST_DATABASES,
  MANIFEST_FILES,
  SIGN_CHARACTERS,
  WORDS_CHARACTERS,
} from '../base/limits/manifest.ts';
import type { CvdHeader } from '../cvd/header.ts';
import { DATABASE_NAME, parseFileName } from '../cvd/names.ts';
import { ProofSchema } from '../proof/record.ts';
import { FileSchema, Time } from '../store/file-record.ts';
import { StoreError } from '../store/store.ts';
import type { VerifiedCvd } from '../verify/cvd.ts';

/** Of the manifests that this program makes, and takes. */
const FORMAT = 1;

const Count = v.pipe(
  v.number(),
  v.check((count) => isPlausibleCount(count), 'is no plausible number'),
);
const Words = v.pipe(v.string(), v.maxLength(WORDS_CHARACTERS));
export const DatabaseName = v.pipe(v.string(), v.regex(DATABASE_NAME, 'is no name of a database'));
export const FileName = v.pipe(v.string(), v.check(isOurFile, 'is no name of a file of ours'));
/** The `.sign` of a published CVD: without it, ClamAV ≥ 1.5 with FIPS limits cannot take the database. */
const SignSchema = v.object({
  /** `missing`: upstream has none, or not yet. `withheld`: upstream's is not good now; clients do better without. */
  state: v.picklist(['published', 'missing', 'withheld']),
  /** Since when it is so. */
  since: Time,
  /** When upstream was last asked for it with success. */
  asked: Time,
  /** When the first certificate of its chain ends; of a published one. */
  notAfter: v.optional(Time),
  /** Why it is withheld. */
  reason: v.optional(v.pipe(v.string(), v.maxLength(SIGN_CHARACTERS.reason))),
  /** Upstream's ETag of what it gave, good or not. */
  etag: v.optional(v.pipe(v.string(), v.maxLength(SIGN_CHARACTERS.etag))),
});

/** Upstream's own signed header of a database, as it was last seen. */
const SeenSchema = v.object({
  at: Time,
  /** Which version it announced. */
  version: Count,
  /** A later version that DNS or this mirror itself knows of, and since when upstream's header has lagged behind. */
  ahead: v.optional(v.object({ version: Count, since: Time })),
});

export const DatabaseSchema = v.object({
  version: Count,
  /** When Talos built it. */
  built: Time,
  signatures: Count,
  fLevel: Count,
  ...FileSchema.entries,
  /** The unbroken chain of CDIFFs that ends at `version`: the versions that its first and last lead to. */
  cdiffs: v.nullable(v.object({ first: Count, last: Count })),
  /** CDIFFs that upstream did not have when they were wanted; asked for again in every cycle. */
  missingCdiffs: v.pipe(atMost(MANIFEST_FILES), v.array(Count), v.readonly()),
  /** Mirrors published before ClamAV 1.5 was known say nothing. */
  sign: v.optional(SignSchema),
  /** Mirrors published before it was recorded say nothing: then upstream is asked. */
  seen: v.optional(SeenSchema),
  /** When it was last known to be what upstream has, and whole; without it, the manifest's own time (freshness.ts). */
  checked: v.optional(Time),
  /** When all bytes that are served of it had last been read and held against the hashes here. */
  hashed: v.optional(Time),
  /** Since when it is not mirrored any more, and stays as it is. */
  left: v.optional(Time),
  /** Set by a rollback: the database stays at this version until it is released. */
  held: v.optional(v.object({ since: Time, reason: Words })),
});

const ManifestSchema = v.object({
  format: v.literal(FORMAT),
  generator: Words,
  /** When Talos built the newest database. */
  built: Time,
  /**
   * When upstream's own signed headers were last seen: the oldest time of the databases that nothing was wrong with. Of one
   * that was refused, or that upstream lacks, its own record tells (freshness.ts).
   */
  checked: Time,
  /** When the files last changed. */
  published: Time,
  upstream: v.object({
    url: Words,
    /** Taken from upstream for what was published last. */
    bytes: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
  }),
  databases: byName(DatabaseName, DatabaseSchema, MANIFEST_DATABASES),
  files: byName(FileName, FileSchema, MANIFEST_FILES),
  /** Files of ours in the store that are no longer part of the mirror: removed once this manifest stands. */
  retired: v.pipe(atMost(MANIFEST_FILES), v.array(FileName)),
  /** Those among them that are in the archive, as they were published: another file of the same name is somebody's own. */
  retiredFiles: v.optional(byName(FileName, FileSchema, MANIFEST_FILES)),
  proof: ProofSchema,
});

export type SignRecord = v.InferOutput<typeof SignSchema>;
export type Seen = v.InferOutput<typeof SeenSchema>;
export type DatabaseRecord = v.InferOutput<typeof DatabaseSchema>;
/** The published description of the mirror; it moves last (scripts/README.md). */
export type Manifest = v.InferOutput<typeof ManifestSchema>;

/** What the manifest says of a CVD, beside its CDIFFs. */
export function describeCvd({
  header,
  size,
  sha256,
}: VerifiedCvd): Omit<
  DatabaseRecord,
  'cdiffs' | 'missingCdiffs' | 'held' | 'sign' | 'seen' | 'checked' | 'hashed' | 'left'
> {
  return { ...describeHeader(header), size, sha256 };
}

/** As much of it as the header tells. */
export function describeHeader({
  version,
  signatures,
  fLevel,
  stime,
}: CvdHeader): Pick<DatabaseRecord, 'version' | 'built' | 'signatures' | 'fLevel'> {
  return { version, built: new Date(stime * 1000).toISOString(), signatures, fLevel };
}

/**
 * Parses `manifest.json`: the one schema for what a manifest says, wherever it comes from. Throws `store/manifest`: what
 * cannot be read is not the same as an empty mirror; `store/newer` for a format that is not known yet.
 */
export function parseManifest(text: string, where: string): Manifest {
  return judged(parseManifestJson(text, where), where);
}

/** Parses a manifest as JSON of a format that is known, and judges nothing else. Throws as `parseManifest` does. */
export function parseManifestJson(text: string, where: string): unknown {
  let json: unknown;
  try {
    json = parseJson(text, MANIFEST_BYTES);
  } catch (cause) {
    throw unreadable(where, cause instanceof RangeError ? cause.message : 'it is not JSON', cause);
  }
  const format = formatOf(json);
  if (format !== undefined && format > FORMAT) throw newer(where, format);
  return json;
}

/** How it is written, whether anybody could read it or not. */
export function textOf(manifest: Manifest): string {
  return `${JSON.stringify(manifest, undefined, 2)}\n`;
}

/** The inverse of `parseManifest`. Throws `store/manifest` for what nobody could read afterwards. */
export function encodeManifest(manifest: Manifest): string {
  const text = textOf(manifest);
  if (Buffer.byteLength(text) > MANIFEST_BYTES)
    throw unreadable('this run', `it has more than ${MANIFEST_BYTES} bytes`, undefined);
  judged(manifest, 'this run');
  return text;
}

/** The `format` of what may be a manifest of this program or of a later one; `undefined`: it is none. */
export function formatOf(json: unknown): number | undefined {
  const format = typeof json === 'object' && json !== null && 'format' in json ? json.format : undefined;
  return typeof format === 'number' && isPlausibleCount(format) ? format : undefined;
}

/** Holds JSON to the schema of a manifest. Throws `store/manifest`. */
export function judged(json: unknown, where: string): Manifest {
  const parsed = v.safeParse(ManifestSchema, json, { abortEarly: true });
  if (parsed.success) return parsed.output;
  throw unreadable(where, whyNot(parsed.issues), undefined);
}

/** Tells why something is not of its schema, in one line. */
export function whyNot(issues: [v.BaseIssue<unknown>, ...v.BaseIssue<unknown>[]]): string {
  return v.summarize(issues).replaceAll('\n', ' ').slice(0, 300);
}

function isOurFile(name: string): boolean {
  const file = parseFileName(name);
  return file !== undefined && (file.version === undefined || isPlausibleCount(file.version));
}

/** Looks at the length before the items. */
function atMost(limit: number) {
  return v.custom<unknown[]>(
    (input) => Array.isArray(input) && input.length <= limit,
    'is no list of a plausible length',
  );
}

/** Looks at the number of names before what is under them; nothing of `Object` is among them. */
function byName<T extends v.GenericSchema>(name: v.GenericSchema<string, string>, schema: T, limit: number) {
  return v.pipe(
    v.custom<Record<string, unknown>>(
      (input) => isByName(input) && Object.keys(input).length <= limit,
      'is nothing by name, or has more names than is plausible',
    ),
    v.record(name, schema),
    v.transform((record): Record<string, v.InferOutput<T>> => Object.assign(Object.create(null), record)),
  );
}

/** True for an object that is no list: an empty list would pass for a mirror without databases. */
export function isByName(input: unknown): input is Record<string, unknown> {
  return typeof input === 'object' && input !== null && !Array.isArray(input);
}

function unreadable(where: string, why: string, cause: unknown): StoreError {
  return new StoreError('store/manifest', `the manifest of ${where} cannot be understood: ${why}`, {
    cause,
    advice: 'Nothing was changed. Restore the manifest, or move it away to build the mirror anew',
  });
}

function newer(where: string, format: number): StoreError {
  return new StoreError(
    'store/newer',
    `the manifest of ${where} is of format ${format}, which a newer clamav-mirror made`,
    {
      advice: 'Nothing was changed. Update this tool',
    },
  );
}
