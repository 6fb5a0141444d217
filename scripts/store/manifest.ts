import * as v from 'valibot';
import { parseFileName } from '../cvd/names.ts';
import { ProofSchema } from '../proof/record.ts';
import type { VerifiedCvd } from '../verify/cvd.ts';
import { StoreError } from './store.ts';

export const MANIFEST = 'manifest.json';
/** Bytes of a manifest: one of thirty databases has a tenth of this. */
export const MANIFEST_LIMIT = 8 * 1024 * 1024;

const Count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const Time = v.pipe(v.string(), v.isoTimestamp());
const FileSchema = v.object({
  /** Bytes. */
  size: Count,
  /** 64 lowercase hex digits. */
  sha256: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)),
  /** Of a `.sign`: when the first certificate of its chain ends, and the signature with it. */
  notAfter: v.optional(Time),
});

/** The `.sign` of a published CVD: without it, ClamAV ≥ 1.5 with FIPS limits cannot take the database. */
const SignSchema = v.object({
  /** `missing`: upstream has none, or not yet. `withheld`: upstream's is not good now; clients do better without. */
  state: v.picklist(['published', 'missing', 'withheld']),
  /** Since when clients have it, or since when they lack it. */
  since: Time,
  /** When upstream was last asked for it with success. */
  asked: Time,
  /** When the first certificate of its chain ends; of a published one. */
  notAfter: v.optional(Time),
  /** Why it is withheld. */
  reason: v.optional(v.pipe(v.string(), v.maxLength(500))),
  /** Upstream's ETag of what it gave, good or not. */
  etag: v.optional(v.pipe(v.string(), v.maxLength(200))),
});

const DatabaseSchema = v.object({
  version: Count,
  /** When Talos built it. */
  built: Time,
  signatures: Count,
  fLevel: Count,
  ...FileSchema.entries,
  /** The unbroken chain of CDIFFs that ends at `version`: the versions that its first and last lead to. */
  cdiffs: v.nullable(v.object({ first: Count, last: Count })),
  /** CDIFFs that upstream did not have when they were wanted; asked for again in every cycle. */
  missingCdiffs: v.pipe(v.array(Count), v.readonly()),
  /** Mirrors published before ClamAV 1.5 was known say nothing. */
  sign: v.optional(SignSchema),
  /** Set by a rollback: the database stays at this version until it is released. */
  held: v.optional(v.object({ since: Time, reason: v.string() })),
});

const ManifestSchema = v.object({
  format: v.literal(1),
  generator: v.string(),
  /** When Talos built the newest database. */
  built: Time,
  /** When upstream was last asked with success. */
  checked: Time,
  /** When the files last changed. */
  published: Time,
  upstream: v.object({
    url: v.string(),
    /** Taken from upstream for what was published last. */
    bytes: Count,
  }),
  databases: v.record(v.string(), DatabaseSchema),
  files: v.record(v.string(), FileSchema),
  /** Files of ours in the store that are no longer part of the mirror: removed once this manifest stands. */
  retired: v.array(
    v.pipe(
      v.string(),
      v.check((name) => parseFileName(name) !== undefined),
    ),
  ),
  proof: ProofSchema,
});

export type FileRecord = v.InferOutput<typeof FileSchema>;
export type SignRecord = v.InferOutput<typeof SignSchema>;
export type DatabaseRecord = v.InferOutput<typeof DatabaseSchema>;
/** The published description of the mirror; it moves last (design.md). */
export type Manifest = v.InferOutput<typeof ManifestSchema>;

/** What the manifest says of a CVD, beside its CDIFFs. */
export function describeCvd({
  header,
  size,
  sha256,
}: VerifiedCvd): Omit<DatabaseRecord, 'cdiffs' | 'missingCdiffs' | 'held' | 'sign'> {
  const { version, signatures, fLevel, stime } = header;
  return { version, built: new Date(stime * 1000).toISOString(), signatures, fLevel, size, sha256 };
}

/** Parses `manifest.json`. Throws `store/manifest`: what cannot be read is not the same as an empty mirror. */
export function parseManifest(text: string, where: string): Manifest {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw unreadable(where, 'it is not JSON', cause);
  }
  const parsed = v.safeParse(ManifestSchema, json);
  if (!parsed.success) throw unreadable(where, v.summarize(parsed.issues).replaceAll('\n', ' '), undefined);
  return parsed.output;
}

/** The inverse of `parseManifest`. */
export function encodeManifest(manifest: Manifest): string {
  return `${JSON.stringify(manifest, undefined, 2)}\n`;
}

function unreadable(where: string, why: string, cause: unknown): StoreError {
  return new StoreError('store/manifest', `the manifest of ${where} cannot be understood: ${why}`, {
    cause,
    advice: 'Nothing was changed. Restore the manifest, or move it away to build the mirror anew',
  });
}
