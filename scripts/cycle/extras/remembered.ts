import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { EXTRAS_NOTE_BYTES, STATE_CHARACTERS } from '../../base/limits/machine.ts';
import { EXTRAS, REASON_CHARACTERS } from '../../base/limits/manifest.ts';
import { printable } from '../../base/printable.ts';
import { byName } from '../../base/schema.ts';
import { VERSION } from '../../base/version.ts';
import { replaceFile } from '../../files/atomic.ts';
import { readNote } from '../../files/open.ts';
import { ExtraName } from '../../mirror/extras.ts';

/** Note in the work folder of the extras that were refused, so that the next run need not prove them again. */
export const EXTRAS_NOTE = 'refused-extras.json';

const RefusedSchema = v.object({
  code: v.pipe(v.string(), v.maxLength(STATE_CHARACTERS.code)),
  reason: v.pipe(
    v.string(),
    v.transform((text) => printable(text).slice(0, REASON_CHARACTERS)),
  ),
});
const NoteSchema = v.object({
  /** Digest of everything that was proven together. */
  of: v.pipe(v.string(), v.maxLength(64)),
  refused: byName(ExtraName, RefusedSchema, EXTRAS),
});

export type Refused = Readonly<Record<string, v.InferOutput<typeof RefusedSchema>>>;

/** Digest of what is proven together: these hashes by name, and versions of databases. */
export function digestOf(
  hashes: ReadonlyMap<string, string>,
  databases: ReadonlyMap<string, number>,
): string {
  const text = JSON.stringify([VERSION, [...hashes].sort(), [...databases].sort()]);
  return createHash('sha256').update(text).digest('hex');
}

/** Extras that were refused when exactly this was proven; none if nothing is known. */
export async function readRefused(work: string, of: string): Promise<Refused> {
  const parsed = v.safeParse(NoteSchema, await readNote(join(work, EXTRAS_NOTE), EXTRAS_NOTE_BYTES));
  return parsed.success && parsed.output.of === of ? parsed.output.refused : {};
}

export async function rememberRefused(work: string, of: string, refused: Refused): Promise<void> {
  const path = join(work, EXTRAS_NOTE);
  if (Object.keys(refused).length === 0) await rm(path, { force: true });
  else await replaceFile(path, `${JSON.stringify({ of, refused })}\n`);
}
