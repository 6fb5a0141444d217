import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { COPIES_FOLDER, COPY_NAME, Copies } from '../store/copies.ts';

export const STATE = 'state.json';

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
  return await contentsIn(join(work, COPIES_FOLDER), join(work, STATE));
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

/** Where a file of a cache belongs. */
export function placeOf(name: string, work: string): string {
  return name === STATE ? join(work, STATE) : join(work, COPIES_FOLDER, name);
}
