import type { Manifest, Seen } from './manifest.ts';

/** Age of one served database, according to the manifest. */
export interface Freshness {
  readonly database: string;
  /** Published version. */
  readonly version: number;
  /** Last time when this version was known to be whole and the newest of upstream. */
  readonly checked: string;
  /** Last seen signed header of upstream. It may announce a later version that was not taken. */
  readonly seen: Seen | undefined;
  /** Last time by which all served bytes had been read; `undefined` if unknown. */
  readonly hashed: string | undefined;
  /** True if a rollback pins the database. */
  readonly isHeld: boolean;
  /** Time since when the database is deliberately no longer mirrored. */
  readonly left: string | undefined;
}

/**
 * Ages of these databases, or of all published ones. A database that was refused, or that upstream lacks, ages alone.
 * Manifests of earlier versions have one time for all databases.
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

/** Oldest check of any of these databases, mirrored or not. */
export function oldestCheck(manifest: Manifest, databases?: Iterable<string>): string {
  const times = freshnessOf(manifest, databases).map(({ checked }) => checked);
  return times.sort((one, other) => Date.parse(one) - Date.parse(other))[0] ?? manifest.checked;
}
