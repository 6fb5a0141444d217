import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ALERT_MEMORY_BYTES } from '../../base/limits/alerts.ts';
import { EXTRA_MEMORY_BYTES } from '../../base/limits/extras.ts';
import { CACHED_STATE_BYTES } from '../../base/limits/github.ts';
import { EXTRAS_NOTE_BYTES, SIGHTINGS_BYTES } from '../../base/limits/machine.ts';
import { EXTRAS_NOTE } from '../../cycle/extras/remembered.ts';
import { CACHED_STATE_FILE, STATE_FILE } from '../../cycle/memory/state-files.ts';
import { EXTRA_MEMORY } from '../../extras/memory.ts';
import { SIGHTINGS } from '../../mirror/check/sightings.ts';
import { ALERTS_FILE } from '../../notify/alerts/memory.ts';
import { COPIES_FOLDER, COPY_NAME, Copies } from '../../store/copies.ts';
import { CLIENTS } from '../../watch/kept-clients.ts';

export const STATE = STATE_FILE;

/** Bytes of what is no copy: the state holds a line or two for each database. */
const LIMITS: ReadonlyMap<string, number> = new Map([
  [STATE, CACHED_STATE_BYTES],
  [SIGHTINGS, SIGHTINGS_BYTES],
  [EXTRAS_NOTE, EXTRAS_NOTE_BYTES],
  [CLIENTS, CACHED_STATE_BYTES],
  [ALERTS_FILE, ALERT_MEMORY_BYTES],
  [EXTRA_MEMORY, EXTRA_MEMORY_BYTES],
]);

/** One file of a cache. */
export interface CachedFile {
  /** `state.json`, `verified.json`, `refused-extras.json`, `clients.json`, `alerts.json`, `extra-sources.json`, or of a copy its SHA-256. */
  readonly name: string;
  readonly size: number;
  readonly sha256: string;
}

/** Files of the work folder to keep for the next run, sorted by name. */
export async function contentsOf(work: string): Promise<CachedFile[]> {
  return await contentsIn(join(work, COPIES_FOLDER), (name) => sourceOf(name, work));
}

/** The copies in a folder, and what else there is, at the path that a name has. */
export async function contentsIn(copies: string, pathOf: (name: string) => string): Promise<CachedFile[]> {
  const files: CachedFile[] = (await new Copies(copies).list()).map((copy) => ({
    ...copy,
    name: copy.sha256,
  }));
  for (const [name, limit] of LIMITS) {
    const text = await readFile(pathOf(name)).catch(() => undefined);
    if (text === undefined || text.length > limit) continue;
    const sha256 = createHash('sha256').update(text).digest('hex');
    files.push({ name, size: text.length, sha256 });
  }
  return files;
}

export function isContentName(name: string): boolean {
  return LIMITS.has(name) || COPY_NAME.test(name);
}

/** Bytes of a file that is not called by its hash; `undefined`: it is a copy. */
export function limitOf(name: string): number | undefined {
  return LIMITS.get(name);
}

/** Path of a file that goes into a cache; a state that no run has read yet goes back as it came. */
export function sourceOf(name: string, work: string): string {
  if (!LIMITS.has(name)) return join(work, COPIES_FOLDER, name);
  const [own, cached] = [join(work, name), join(work, CACHED_STATE_FILE)];
  return name !== STATE || existsSync(own) || !existsSync(cached) ? own : cached;
}

/** Place of a file of a cache, and the file that must not be there for that. */
export function placeOf(name: string, work: string): { readonly place: string; readonly before: string } {
  if (name === STATE) return { place: join(work, CACHED_STATE_FILE), before: join(work, STATE) };
  const place = LIMITS.has(name) ? join(work, name) : join(work, COPIES_FOLDER, name);
  return { place, before: place };
}
