import { hash } from 'node:crypto';
import * as v from 'valibot';
import { CHANGES_INDEX_BYTES, INDEXED_NAMES } from '../base/limits/page.ts';
import { changesIndexName } from '../cvd/names.ts';
import { Count, encodeVersions, jsonOf, versionsSchema } from './record.ts';
import { KINDS_OF_CHANGE, type Step } from './step.ts';
import type { ReadText } from './texts.ts';

const DIGEST_SIZE = 4;
/** Characters of that many digests in base64. */
const DIGESTS_CHARACTERS = Math.ceil((INDEXED_NAMES * DIGEST_SIZE) / 3) * 4;

const IndexSchema = versionsSchema(
  v.object({
    to: Count,
    /** Four bytes of the SHA-256 of each name, sorted, in base64. */
    digests: v.pipe(v.string(), v.maxLength(DIGESTS_CHARACTERS), v.regex(/^[A-Za-z0-9+/]*={0,2}$/)),
  }),
);

/**
 * Digests of all names in the lists of a database, by version: they say which lists a name may be in, so that nobody has
 * to read all of them. Names that were cut from a list are in here too.
 */
export type NameIndex = ReadonlyMap<number, string>;

/** Digests of all names of a step, before any are cut; `undefined` if there are too many. */
export function digestsOf({ files }: Pick<Step, 'files'>): string | undefined {
  const names = new Set(files.flatMap((file) => KINDS_OF_CHANGE.flatMap((kind) => file[kind]?.names ?? [])));
  if (names.size > INDEXED_NAMES) return undefined;
  const digests = Uint32Array.from(names, digestOf).sort();
  const bytes = Buffer.alloc(digests.length * DIGEST_SIZE);
  for (const [at, digest] of digests.entries()) bytes.writeUInt32BE(digest, at * DIGEST_SIZE);
  return bytes.toString('base64');
}

/** False if a name is not in a list. True if it is there, or nobody knows, or one of millions of others is there. */
export function mayHold(digests: string | undefined, name: string): boolean {
  if (digests === undefined) return true;
  const bytes = Buffer.from(digests, 'base64');
  const wanted = digestOf(name);
  let [low, high] = [0, Math.floor(bytes.length / DIGEST_SIZE)];
  while (low < high) {
    const middle = (low + high) >>> 1;
    const found = bytes.readUInt32BE(middle * DIGEST_SIZE);
    if (found === wanted) return true;
    if (found < wanted) low = middle + 1;
    else high = middle;
  }
  return false;
}

/** Text of `changes/daily.names.json`. */
export function encodeNameIndex(database: string, index: NameIndex): string {
  return encodeVersions(
    database,
    [...index].map(([to, digests]) => ({ to, digests })),
  );
}

/** Reads such an index. It decides nothing: one that cannot be understood is empty, and then the lists are read. */
export async function readNameIndex(read: ReadText, database: string): Promise<NameIndex> {
  const text = await read(changesIndexName(database), CHANGES_INDEX_BYTES);
  const parsed = v.safeParse(IndexSchema, jsonOf(text, CHANGES_INDEX_BYTES));
  if (!parsed.success || parsed.output.database !== database) return new Map();
  return new Map(parsed.output.versions.map(({ to, digests }) => [to, digests]));
}

function digestOf(name: string): number {
  return hash('sha256', name, 'buffer').readUInt32BE(0);
}
