import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export const NOTES = 'freshclam.dat';
/** Where the time stands until which freshclam asks nobody, in seconds since 1970. Source: libfreshclam's freshclam_dat_v1. */
const RETRY_AFTER_AT = 61;
const SIZE = 90;

/** Seconds for which freshclam asks nobody after this answer; 0: it goes on. */
export function coolDownAfter(status: number, retryAfter: string | undefined): number {
  if (status === 403) return 24 * 3600;
  if (status === 429) return Number(retryAfter) > 0 ? Number(retryAfter) : 4 * 3600;
  return 0;
}

/** The notes of a database folder with another end of the cool-down. */
export function notesUntil(folder: string, until: number): Buffer {
  const path = join(folder, NOTES);
  const notes = existsSync(path) ? readFileSync(path) : Buffer.alloc(0);
  const bytes = notes.length === SIZE ? notes : Buffer.alloc(SIZE);
  if (bytes !== notes) {
    bytes.write('FreshClamData');
    bytes.writeUInt32LE(1, 13);
    bytes.write('00000000-0000-4000-8000-000000000000', 17);
  }
  bytes.writeBigInt64LE(BigInt(until), RETRY_AFTER_AT);
  return bytes;
}

export function saveCoolDown(folder: string, until: number): void {
  writeFileSync(join(folder, NOTES), notesUntil(folder, until));
}

export function isCoolingDown(folder: string): boolean {
  const path = join(folder, NOTES);
  if (!existsSync(path)) return false;
  const notes = readFileSync(path);
  return notes.length === SIZE && Number(notes.readBigInt64LE(RETRY_AFTER_AT)) * 1000 > Date.now();
}
