import * as v from 'valibot';
import {
  ALLOWED,
  EXTRAS,
  REASON_CHARACTERS,
  SIGNATURE_CHARACTERS,
  WORDS_CHARACTERS,
} from '../base/limits/manifest.ts';
import { byName, isByName, listOf } from '../base/schema.ts';
import { isExtraName } from '../cvd/extra-names.ts';
import { ProofSchema } from '../proof/record.ts';
import { FileSchema, Time } from '../store/file-record.ts';

export const ExtraName = v.pipe(v.string(), v.check(isExtraName, 'is not a name of an extra'));

/** A signature by its name, or a file by its SHA-256. `.UNOFFICIAL` is no part of a name: ClamAV only prints it. */
export const Allowable = v.pipe(
  v.string(),
  v.maxLength(SIGNATURE_CHARACTERS),
  v.regex(/^[\x21-\x7e]+$/, 'is not a name of a signature or a SHA-256'),
  v.check((what) => !/^#|[:;]|\.UNOFFICIAL$/.test(what), 'is not a name of a signature or a SHA-256'),
);

const ExtraSchema = v.object({
  ...v.omit(FileSchema, ['notAfter']).entries,
  /** Where its bytes came from: a URL without a password, a path, or `allow list`. */
  source: v.pipe(v.string(), v.maxLength(WORDS_CHARACTERS)),
  /** Time since when these bytes are published. */
  published: Time,
});

const AllowedSchema = v.object({
  what: Allowable,
  reason: v.pipe(v.string(), v.maxLength(REASON_CHARACTERS)),
  since: Time,
  /** Time at which it ends by itself. */
  until: v.optional(Time),
  /** `file`: it stands in the list that settings name, and goes when it is taken out there. */
  from: v.picklist(['command', 'file']),
});

/** What is published beside the databases: files that ClamAV loads and Talos did not make, the allow list among them. */
export const ExtrasSchema = v.object({
  files: byName(ExtraName, ExtraSchema, EXTRAS),
  allowed: listOf(AllowedSchema, ALLOWED),
  /** Record of the proof of these files together with the databases that it names; absent if there are none. */
  proof: v.optional(ProofSchema),
  /** Files that are no extras any more. They are removed once this manifest is in place. */
  retired: listOf(ExtraName, EXTRAS),
});

/**
 * Valid parts of extras of our own manifest, one file and one entry at a time: somebody's list of false alarms must not be lost for
 * a wrong number beside it. Without a valid proof they are proven again. `undefined` if nothing is valid.
 */
export function knownExtras(said: unknown): Extras | undefined {
  const parts = v.parse(PartsSchema, isByName(said) ? said : {});
  const files = Object.entries(isByName(parts.files) ? parts.files : {}).flatMap(([name, record]) => {
    const parsed = v.safeParse(ExtraSchema, record);
    return v.is(ExtraName, name) && parsed.success ? [[name, parsed.output] as const] : [];
  });
  const { proof } = parts;
  const allowed = validIn(AllowedSchema, parts.allowed, ALLOWED);
  const retired = validIn(ExtraName, parts.retired, EXTRAS);
  if (files.length + allowed.length + retired.length === 0) return undefined;
  const known = { files: Object.fromEntries(files.slice(0, EXTRAS)), allowed, retired };
  return v.is(ProofSchema, proof) ? { ...known, proof } : known;
}

const PartsSchema = v.object({
  files: v.optional(v.unknown()),
  allowed: v.optional(v.unknown()),
  proof: v.optional(v.unknown()),
  retired: v.optional(v.unknown()),
});

/** Valid items of a list, up to a number. */
function validIn<T extends v.GenericSchema>(item: T, list: unknown, limit: number): v.InferOutput<T>[] {
  const all: unknown[] = Array.isArray(list) ? list : [];
  return all
    .flatMap((one) => {
      const parsed = v.safeParse(item, one);
      return parsed.success ? [parsed.output] : [];
    })
    .slice(0, limit);
}

/** Extras for a next manifest of a store with these files, if anything else than extras changes. */
export function carriedExtras(
  extras: Extras | undefined,
  listing: ReadonlyMap<string, number>,
): { extras?: Extras } {
  if (extras === undefined) return {};
  return { extras: { ...extras, retired: extras.retired.filter((name) => listing.has(name)) } };
}

export type ExtraRecord = v.InferOutput<typeof ExtraSchema>;
export type Allowed = v.InferOutput<typeof AllowedSchema>;
export type Extras = v.InferOutput<typeof ExtrasSchema>;
