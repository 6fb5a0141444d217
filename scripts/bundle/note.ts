import { join } from 'node:path';
import * as v from 'valibot';
import { codeOf } from '../base/errors.ts';
import { BUNDLE_NOTE_BYTES } from '../base/limits/given.ts';
import { MANIFEST_DATABASES, MANIFEST_FILES, MANIFEST_NUMBER } from '../base/limits/manifest.ts';
import { byName } from '../base/schema.ts';
import { replaceFile } from '../files/atomic.ts';
import { readJson } from '../files/open.ts';
import { DatabaseName, FileName } from '../mirror/manifest.ts';
import { BundleError } from './error.ts';

const Count = v.pipe(v.number(), v.safeInteger(), v.minValue(0), v.maxValue(MANIFEST_NUMBER));
const Sum = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/));
const last = {
  mirror: v.pipe(v.string(), v.regex(/^[0-9a-f]{8}$/)),
  /** Number of the last bundle. */
  number: Count,
  /** SHA-256 of its list of contents. */
  sum: Sum,
};
const ExportedSchema = v.object({
  ...last,
  /** What the other side has if all bundles arrive. */
  versions: byName(DatabaseName, Count, MANIFEST_DATABASES),
  files: byName(FileName, Sum, MANIFEST_FILES),
});
const ImportedSchema = v.object(last);

/** What the last export left, by which the next one goes on: nobody on the other side can answer. */
export type Exported = v.InferOutput<typeof ExportedSchema>;
/** The last bundle that was imported. */
export type Imported = v.InferOutput<typeof ImportedSchema>;

/** Throws `bundle/since`: without its note, an export must not guess. */
export async function readExported(work: string): Promise<Exported | undefined> {
  return await readNote(join(work, EXPORTED), ExportedSchema, (path, cause) => {
    throw new BundleError('bundle/since', `${path} does not tell any more what was exported last`, {
      cause,
      advice: 'Say it with --since, or begin anew: remove that file, and the next bundle holds everything',
    });
  });
}

/** What cannot be read is as if nothing had been imported: the signatures decide what is taken. */
export async function readImported(work: string): Promise<Imported | undefined> {
  return await readNote(join(work, IMPORTED), ImportedSchema, () => undefined);
}

export async function writeExported(work: string, note: Exported): Promise<void> {
  await replaceFile(join(work, EXPORTED), `${JSON.stringify(note)}\n`, { rights: 0o600 });
}

export async function writeImported(work: string, note: Imported): Promise<void> {
  await replaceFile(join(work, IMPORTED), `${JSON.stringify(note)}\n`, { rights: 0o600 });
}

const EXPORTED = 'exported.json';
const IMPORTED = 'imported.json';

async function readNote<T>(
  path: string,
  schema: v.GenericSchema<unknown, T>,
  otherwise: (path: string, cause: unknown) => undefined,
): Promise<T | undefined> {
  try {
    return v.parse(schema, await readJson(path, BUNDLE_NOTE_BYTES));
  } catch (cause) {
    return codeOf(cause) === 'ENOENT' ? undefined : otherwise(path, cause);
  }
}
