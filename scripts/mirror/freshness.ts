import type { Manifest, Seen } from './manifest.ts';

/** How old what is served of one database is, as the manifest tells it. */
export interface Freshness {
  readonly database: string;
  /** The published one. */
  readonly version: number;
  /** When that was last known to be what upstream has, and whole. */
  readonly checked: string;
  /** Upstream's own signed header, as it was last seen: a later version than the published one was not taken. */
  readonly seen: Seen | undefined;
  /** When all bytes that are served had last been read; `undefined`: it is not known. */
  readonly hashed: string | undefined;
  /** Whether a rollback keeps it where it is. */
  readonly isHeld: boolean;
  /** Since when it is not mirrored any more: it gets older, as somebody wants it. */
  readonly left: string | undefined;
}

/**
 * How old each of these databases is, or each that is published. One that was refused, or that upstream lacks, gets old
 * by itself. Mirrors of earlier versions tell one time for all.
 */
export function freshnessOf(
  manifest: Manifest,
  databases: Iterable<string> = Object.keys(manifest.databases),
): readonly Freshness[] {
  return [...databases].flatMap((database) => {
    const record = manifest.databases[database];
    if (record === undefined) return [];
    const { version, seen, hashed, held, left, checked = manifest.checked } = record;
    return [{ database, version, checked, seen, hashed, isHeld: held !== undefined, left }];
  });
}

/** The time of the database that was checked the longest ago, whether or not it is mirrored still. */
export function oldestCheck(manifest: Manifest, databases?: Iterable<string>): string {
  const times = freshnessOf(manifest, databases).map(({ checked }) => checked);
  return times.sort((one, other) => Date.parse(one) - Date.parse(other))[0] ?? manifest.checked;
}
