import type { Allowed, ExtraRecord, Extras } from '../../scripts/mirror/extras.ts';
import { described } from '../store/support.ts';

const AT = '2026-06-01T12:00:00.000Z';

export function extraRecord(bytes: string): ExtraRecord {
  const { size, sha256 } = described(bytes);
  return { size, sha256, source: 'https://feeds.example/own.ndb', published: AT };
}

export function allowedEntry(what: string, change: Partial<Allowed> = {}): Allowed {
  return { what, reason: 'it flags our installer', since: AT, from: 'command', ...change };
}

export function extrasOf(files: Record<string, ExtraRecord>, allowed: readonly Allowed[] = []): Extras {
  return { files, allowed, retired: [] };
}
