import * as v from 'valibot';
import { parseJson } from '../base/json.ts';
import { BUNDLE_CONTENTS_BYTES } from '../base/limits/given.ts';
import {
  MANIFEST_DATABASES,
  MANIFEST_FILES,
  MANIFEST_NUMBER,
  WORDS_CHARACTERS,
} from '../base/limits/manifest.ts';
import { byName } from '../base/schema.ts';
import { isArchived, parseFileName } from '../cvd/names.ts';
import { DatabaseName } from '../mirror/manifest.ts';
import { FileSchema, Time } from '../store/file-record.ts';
import { MANIFEST } from '../store/store.ts';
import { PROBE_SIZE } from '../upstream/http-client.ts';
import { BundleError } from './error.ts';

/** Name of the list of contents, the second entry of a bundle; the first has its SHA-256, as `sha256sum` writes it. */
export const CONTENTS = 'bundle.json';
export const CONTENTS_SUM = 'bundle.json.sha256';

/** Format of the bundles that this program writes and reads. */
const FORMAT = 1;
const Count = v.pipe(v.number(), v.safeInteger(), v.minValue(0), v.maxValue(MANIFEST_NUMBER));
const Sum = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/));
/** The first bytes of a CVD, in base64: all that upstream is asked for to find out about a version. */
const Header = v.pipe(v.string(), v.length(4 * Math.ceil(PROBE_SIZE / 3)), v.base64());
const EntryName = v.pipe(v.string(), v.check(isEntryName, 'is no name of a file in a bundle'));
const { size, sha256 } = FileSchema.entries;

const ContentsSchema = v.object({
  format: v.literal(FORMAT),
  generator: v.pipe(v.string(), v.maxLength(WORDS_CHARACTERS)),
  /** Eight hex digits that tell one exporting mirror from another, and reveal no address. */
  mirror: v.pipe(v.string(), v.regex(/^[0-9a-f]{8}$/)),
  /** Number of this bundle in a row of exports, from 1; 0: it stands alone. */
  number: Count,
  /** SHA-256 of the list of contents of the bundle before it. */
  follows: v.nullable(Sum),
  /** Last time when the exporting mirror had compared each database with upstream. */
  checked: Time,
  databases: byName(
    DatabaseName,
    v.object({ version: Count, header: Header, checked: Time }),
    MANIFEST_DATABASES,
  ),
  /** All files that follow, in their order. */
  files: v.pipe(v.array(v.object({ name: EntryName, size, sha256 })), v.maxLength(MANIFEST_FILES)),
});

/** What is in a bundle, as its second entry says it. */
export type Contents = v.InferOutput<typeof ContentsSchema>;
export type ContentsFile = Contents['files'][number];

/** Text of a list of contents: the same bytes for the same contents. */
export function encodeContents(contents: Omit<Contents, 'format'>): string {
  return `${JSON.stringify({ format: FORMAT, ...contents }, undefined, 1)}\n`;
}

/** Reads a list of contents. Throws `bundle/damaged`. */
export function parseContents(text: string, where: string): Contents {
  const read = v.safeParse(ContentsSchema, jsonOf(text, where));
  if (!read.success) {
    const [issue] = read.issues;
    const place = v.getDotPath(issue);
    throw new BundleError(
      'bundle/damaged',
      `${where}: ${CONTENTS}: ${place === null ? '' : `${place} `}${issue.message}`,
    );
  }
  const names = read.output.files.map(({ name }) => name);
  if (new Set(names).size !== names.length)
    throw new BundleError('bundle/damaged', `${where}: ${CONTENTS} names a file twice`);
  return read.output;
}

function jsonOf(text: string, where: string): unknown {
  try {
    return parseJson(text, BUNDLE_CONTENTS_BYTES);
  } catch (cause) {
    throw new BundleError('bundle/damaged', `${where}: ${CONTENTS} cannot be read`, { cause });
  }
}

/** Files of databases under their published names, and the manifest with its proof, which is for people. */
function isEntryName(name: string): boolean {
  const file = parseFileName(name);
  return name === MANIFEST || (file !== undefined && !isArchived(file));
}
