import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CACHED_STATE_FILE, STATE_FILE } from '../state-files.ts';
import { COPIES_FOLDER, COPY_NAME, Copies } from '../store/copies.ts';

export const STATE = STATE_FILE;

/** Bytes: it holds a line or two for each database. */
export const STATE_LIMIT = 65_536;
/** Bytes of everything, with a kilobyte around each file: more than `Copies` keeps is no cache of ours. */
export const CONTENTS_LIMIT = 2_100_000_000;

/** One file of a cache. */
export interface CachedFile {
  /** `state.json`, or of a copy its SHA-256. */
  readonly name: string;
  readonly size: number;
  readonly sha256: string;
}

/** What the work folder has to keep for the next run, sorted by name. */
export async function contentsOf(work: string): Promise<CachedFile[]> {
  return await contentsIn(join(work, COPIES_FOLDER), sourceOf(STATE, work));
}

/** The copies in a folder, and the state at a path. */
export async function contentsIn(copies: string, state: string): Promise<CachedFile[]> {
  const files: CachedFile[] = (await new Copies(copies).list()).map((copy) => ({
    ...copy,
    name: copy.sha256,
  }));
  const text = await readFile(state).catch(() => undefined);
  if (text !== undefined && text.length <= STATE_LIMIT) {
    const sha256 = createHash('sha256').update(text).digest('hex');
    files.push({ name: STATE, size: text.length, sha256 });
  }
  return files;
}

export function isContentName(name: string): boolean {
  return name === STATE || COPY_NAME.test(name);
}

/** Where a file is that goes into a cache; a state that no run has read yet goes back as it came. */
export function sourceOf(name: string, work: string): string {
  if (name !== STATE) return join(work, COPIES_FOLDER, name);
  const [own, cached] = [join(work, STATE), join(work, CACHED_STATE_FILE)];
  return existsSync(own) || !existsSync(cached) ? own : cached;
}

/** Where a file of a cache belongs, and which file must not be there for that. */
export function placeOf(name: string, work: string): { readonly place: string; readonly before: string } {
  if (name === STATE) return { place: join(work, CACHED_STATE_FILE), before: join(work, STATE) };
  const place = join(work, COPIES_FOLDER, name);
  return { place, before: place };
}
