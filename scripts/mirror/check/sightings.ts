import { join } from 'node:path';
import * as v from 'valibot';
import { parseJson } from '../../base/json.ts';
import { SEAL_CHARACTERS, SIGHTED_FILES, SIGHTINGS_BYTES } from '../../base/limits/machine.ts';
import { parseFileName } from '../../cvd/names.ts';
import { replaceFile } from '../../files/atomic.ts';
import { readText } from '../../files/open.ts';

/** In the work folder. */
export const SIGHTINGS = 'verified.json';

const SightingSchema = v.object({
  sha256: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)),
  /** How the file looked then, by whatever changes with it. */
  seal: v.pipe(v.string(), v.maxLength(SEAL_CHARACTERS)),
  /** When its bytes were read; of a file that is far away and new to us, when it was seen first. */
  at: v.pipe(v.string(), v.isoTimestamp()),
  /** It was seen, and not read yet. */
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
 * What this machine remembers of each file in a store: when its bytes were last read, and how it looked. Losing it costs
 * reading, never safety. Whoever can write here, once, puts off by a week at most that a damage is noticed.
 */
export async function readSightings(work: string, store: string): Promise<ReadonlyMap<string, Sighting>> {
  try {
    const text = await readText(join(work, SIGHTINGS), SIGHTINGS_BYTES);
    const parsed = v.safeParse(SightingsSchema, parseJson(text, SIGHTINGS_BYTES));
    return new Map(
      parsed.success && parsed.output.store === store ? Object.entries(parsed.output.files) : [],
    );
  } catch {
    return new Map(); // none, or of no use
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
