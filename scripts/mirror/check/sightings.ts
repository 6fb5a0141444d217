import { join } from 'node:path';
import * as v from 'valibot';
import { SEAL_CHARACTERS, SIGHTED_FILES, SIGHTINGS_BYTES } from '../../base/limits/machine.ts';
import { parseFileName } from '../../cvd/names.ts';
import { replaceFile } from '../../files/atomic.ts';
import { readJson } from '../../files/open.ts';

/** File in the work folder. */
export const SIGHTINGS = 'verified.json';

const SightingSchema = v.object({
  sha256: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)),
  /** Seal of the file then. */
  seal: v.pipe(v.string(), v.maxLength(SEAL_CHARACTERS)),
  /** Time when its bytes were read. For a remote file that is new to this machine, time when it was first seen. */
  at: v.pipe(v.string(), v.isoTimestamp()),
  /** Present if the file was seen but not read yet. */
  unread: v.optional(v.literal(true)),
});
const SightingsSchema = v.object({
  store: v.string(),
  files: v.pipe(
    v.record(v.string(), SightingSchema),
    v.check((files) => {
      const names = Object.keys(files);
      return names.length <= SIGHTED_FILES && names.every((name) => parseFileName(name) !== undefined);
    }),
  ),
});

export type Sighting = v.InferOutput<typeof SightingSchema>;

/**
 * Reads when each file of a store was last read, and its seal then. Losing this memory costs reading, never safety. A
 * single forged memory delays the discovery of damage by a week at most.
 */
export async function readSightings(work: string, store: string): Promise<ReadonlyMap<string, Sighting>> {
  try {
    const parsed = v.safeParse(SightingsSchema, await readJson(join(work, SIGHTINGS), SIGHTINGS_BYTES));
    return new Map(
      parsed.success && parsed.output.store === store ? Object.entries(parsed.output.files) : [],
    );
  } catch {
    return new Map(); // missing or not valid
  }
}

export async function writeSightings(
  work: string,
  store: string,
  sightings: ReadonlyMap<string, Sighting>,
): Promise<void> {
  const content = { store, files: Object.fromEntries(sightings) };
  await replaceFile(join(work, SIGHTINGS), `${JSON.stringify(content)}\n`);
}
