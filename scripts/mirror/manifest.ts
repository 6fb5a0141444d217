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
import { atMost, byName } from '../base/schema.ts';
import type { CvdHeader } from '../cvd/header.ts';
import { DATABASE_NAME, parseFileName } from '../cvd/names.ts';
import { ProofSchema } from '../proof/record.ts';
import { FileSchema, Time } from '../store/file-record.ts';
import { StoreError } from '../store/store.ts';
import type { VerifiedCvd } from '../verify/cvd.ts';
import { ExtrasSchema } from './extras.ts';

/** Format of the manifests that this program reads and writes. */
const FORMAT = 1;

const Count = v.pipe(
  v.number(),
  v.check((count) => isPlausibleCount(count), 'is not a plausible number'),
);
const Words = v.pipe(v.string(), v.maxLength(WORDS_CHARACTERS));
export const DatabaseName = v.pipe(v.string(), v.regex(DATABASE_NAME, 'is not a name of a database'));
export const FileName = v.pipe(v.string(), v.check(isOurFile, 'is not a name of our files'));
/** The `.sign` of a published CVD: without it, ClamAV ≥ 1.5 with FIPS limits cannot take the database. */
const SignSchema = v.object({
  /**
   * `missing`: upstream has none, or not yet. `withheld`: the one of upstream is not good now, so clients do better
   * without it.
   */
  state: v.picklist(['published', 'missing', 'withheld']),
  /** Start of this state. */
  since: Time,
  /** Last successful request to upstream for it. */
  asked: Time,
  /** End of the first certificate in the chain of a published one. */
  notAfter: v.optional(Time),
  /** Reason for withholding it. */
  reason: v.optional(v.pipe(v.string(), v.maxLength(SIGN_CHARACTERS.reason))),
  /** ETag of the last answer of upstream, good or not. */
  etag: v.optional(v.pipe(v.string(), v.maxLength(SIGN_CHARACTERS.etag))),
});

/** Last seen signed header of upstream for a database. */
const SeenSchema = v.object({
  at: Time,
  /** Announced version. */
  version: Count,
  /**
   * Later version that DNS or this mirror knows of, and the time since when the header of upstream has lagged behind
   * it.
   */
  ahead: v.optional(v.object({ version: Count, since: Time })),
});

export const DatabaseSchema = v.object({
  version: Count,
  /** Time when Talos built it. */
  built: Time,
  signatures: Count,
  fLevel: Count,
  ...FileSchema.entries,
  /** Unbroken chain of CDIFFs that ends at `version`: the versions that its first and last CDIFF lead to. */
  cdiffs: v.nullable(v.object({ first: Count, last: Count })),
  /** Versions whose CDIFF upstream lacked when it was wanted. Every cycle asks for them again. */
  missingCdiffs: v.pipe(atMost(MANIFEST_FILES), v.array(Count), v.readonly()),
  /** Absent from mirrors published before ClamAV 1.5 was known. */
  sign: v.optional(SignSchema),
  /** Absent from mirrors published before it was recorded; then upstream is asked. */
  seen: v.optional(SeenSchema),
  /** URL of the upstream that gave this version; absent from mirrors published before there could be several. */
  source: v.optional(Words),
  /**
   * Last time when it was known to be whole and the newest of upstream; without it, the time of the manifest counts
   * (freshness.ts).
   */
  checked: v.optional(Time),
  /** Last time by which all its served bytes had been read and compared with the hashes here. */
  hashed: v.optional(Time),
  /** Time since when it is no longer mirrored and stays as it is. */
  left: v.optional(Time),
  /** Pin of a rollback: the database stays at this version until it is released. */
  held: v.optional(v.object({ since: Time, reason: Words })),
});

const ManifestSchema = v.object({
  format: v.literal(FORMAT),
  generator: Words,
  /** Time when Talos built the newest database. */
  built: Time,
  /**
   * Last time when the signed headers of upstream were seen: the oldest such time of the databases without a problem. A
   * database that was refused, or that upstream lacks, has its own time in its record (freshness.ts).
   */
  checked: Time,
  /** Time of the last change of files. */
  published: Time,
  upstream: v.object({
    /** Of several, the one that gave something new to the last publication. */
    url: Words,
    /** Bytes downloaded from upstream for the last publication. */
    bytes: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
  }),
  databases: byName(DatabaseName, DatabaseSchema, MANIFEST_DATABASES),
  files: byName(FileName, FileSchema, MANIFEST_FILES),
  /**
   * Our own files in the store that no longer belong to the mirror. They are removed once this manifest is in place.
   */
  retired: v.pipe(atMost(MANIFEST_FILES), v.array(FileName)),
  /**
   * Retired files in the archive, as they were published. A different file of the same name belongs to somebody else.
   */
  retiredFiles: v.optional(byName(FileName, FileSchema, MANIFEST_FILES)),
  proof: ProofSchema,
  /** Absent from a mirror that never had any. */
  extras: v.optional(ExtrasSchema),
});

export type SignRecord = v.InferOutput<typeof SignSchema>;
export type Seen = v.InferOutput<typeof SeenSchema>;
export type DatabaseRecord = v.InferOutput<typeof DatabaseSchema>;
/** Published description of the mirror. It is replaced last (scripts/README.md). */
export type Manifest = v.InferOutput<typeof ManifestSchema>;

/** Fields of the manifest that describe a CVD, without its CDIFFs. */
export function describeCvd({
  header,
  size,
  sha256,
}: VerifiedCvd): Omit<
  DatabaseRecord,
  'cdiffs' | 'missingCdiffs' | 'held' | 'sign' | 'source' | 'seen' | 'checked' | 'hashed' | 'left'
> {
  return { ...describeHeader(header), size, sha256 };
}

/** Fields of the manifest that the header alone describes. */
export function describeHeader({
  version,
  signatures,
  fLevel,
  stime,
}: CvdHeader): Pick<DatabaseRecord, 'version' | 'built' | 'signatures' | 'fLevel'> {
  return { version, built: new Date(stime * 1000).toISOString(), signatures, fLevel };
}

/**
 * Parses `manifest.json` by the only schema for manifests, wherever they come from. Throws `store/manifest`, because an
 * unreadable mirror is not an empty one, and `store/newer` for a format of a later version.
 */
export function parseManifest(text: string, where: string): Manifest {
  return requireManifest(parseManifestJson(text, where), where);
}

/** Parses a manifest as JSON of a known format and checks nothing else. Throws as `parseManifest` does. */
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

/** Text of a manifest, without a check that it can be read back. */
export function textOf(manifest: Manifest): string {
  return `${JSON.stringify(manifest, undefined, 2)}\n`;
}

/** Encodes a manifest so that `parseManifest` can read it. Throws `store/manifest` if it could not. */
export function encodeManifest(manifest: Manifest): string {
  const text = textOf(manifest);
  if (Buffer.byteLength(text) > MANIFEST_BYTES)
    throw unreadable('this run', `it has more than ${MANIFEST_BYTES} bytes`, undefined);
  requireManifest(manifest, 'this run');
  return text;
}

/** Format of a manifest of this program or of a later one; `undefined` if this is no manifest. */
export function formatOf(json: unknown): number | undefined {
  const format = typeof json === 'object' && json !== null && 'format' in json ? json.format : undefined;
  return typeof format === 'number' && isPlausibleCount(format) ? format : undefined;
}

/** Requires JSON to match the schema of a manifest. Throws `store/manifest`. */
export function requireManifest(json: unknown, where: string): Manifest {
  const parsed = v.safeParse(ManifestSchema, json, { abortEarly: true });
  if (parsed.success) return parsed.output;
  throw unreadable(where, whyNot(parsed.issues), undefined);
}

/** Describes in one line why a value does not match its schema. */
export function whyNot(issues: [v.BaseIssue<unknown>, ...v.BaseIssue<unknown>[]]): string {
  return v.summarize(issues).replaceAll('\n', ' ').slice(0, 300);
}

function isOurFile(name: string): boolean {
  const file = parseFileName(name);
  return file !== undefined && (file.version === undefined || isPlausibleCount(file.version));
}

function unreadable(where: string, why: string, cause: unknown): StoreError {
  return new StoreError('store/manifest', `the manifest of ${where} is not valid: ${why}`, {
    cause,
    advice: 'Nothing was changed. Restore the manifest, or move it away to build a new mirror',
  });
}

function newer(where: string, format: number): StoreError {
  return new StoreError(
    'store/newer',
    `the manifest of ${where} has format ${format}, which only a newer clamav-mirror knows`,
    {
      advice: 'Nothing was changed. Update this tool',
    },
  );
}
