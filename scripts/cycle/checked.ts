import type { DatabaseRecord, Manifest } from '../mirror/manifest.ts';
import type { Published } from '../mirror/published.ts';
import type { Update } from './database.ts';

/** Facts of a cycle by which the age of each database is written down. */
export interface Checks {
  readonly published: Published;
  readonly updates: readonly Update[];
  /** All databases that are mirrored, whether or not they took part. */
  readonly mirrored: readonly string[];
  /** Time at which all served bytes were last read, by database. */
  readonly hashed?: ReadonlyMap<string, string> | undefined;
  readonly now: Date;
}

/**
 * Writes down when each database was last compared with upstream's own header. DNS does not count, nor does a header
 * that lags behind it, nor a cycle in which something was wrong with that database: it alone gets older then. The time
 * of all is the oldest of those that were well, and stays while a file of the mirror is broken. No time lies ahead.
 */
export function withChecks(
  databases: Readonly<Record<string, DatabaseRecord>>,
  checks: Checks,
): Pick<Manifest, 'databases' | 'checked'> {
  const { published, updates, mirrored, hashed, now } = checks;
  const previous = published.manifest;
  const at = now.toISOString();
  const past = (time: string) => new Date(Math.min(now.getTime(), Date.parse(time))).toISOString();
  const well: string[] = [];
  const records = Object.entries(databases).map(([database, { left, ...record }]) => {
    const before = previous?.databases[database];
    const isChecked = updates.some((one) => one.database === database && isWell(one, checks));
    const known = record.checked ?? before?.checked ?? previous?.checked ?? at;
    const checked = past(isChecked ? (record.seen?.at ?? known) : known);
    if (isChecked && mirrored.includes(database)) well.push(checked);
    const read = hashed?.get(database) ?? (before === undefined ? at : before.hashed); // a new one was read as it came
    const isLeft = !mirrored.includes(database);
    return [
      database,
      { ...record, checked, ...(read && { hashed: past(read) }), ...(isLeft && { left: left ?? at }) },
    ] as const;
  });
  const isBroken = mirrored.some((database) => isDamaged(database, checks));
  const oldest = isBroken ? undefined : well.sort()[0];
  return {
    databases: Object.fromEntries(records),
    checked: oldest ?? past(previous?.checked ?? at),
  };
}

/** True if upstream was asked for this database and its served files are whole, so that its age can be written down. */
export function isAgeKnown(one: Update, checks: Pick<Checks, 'published' | 'updates'>): boolean {
  return one.error === undefined && one.record !== undefined && !isDamaged(one.database, checks);
}

/** True if the published version is the one that upstream was seen to have, or a pinned one. */
function isWell(one: Update, checks: Pick<Checks, 'published' | 'updates'>): boolean {
  const { seen, version, held } = one.record ?? {};
  if (!isAgeKnown(one, checks) || seen === undefined || seen.ahead !== undefined) return false;
  return seen.version === version || held !== undefined;
}

/** True if a file of it is damaged, and this cycle has not replaced it. */
function isDamaged(database: string, { published, updates }: Pick<Checks, 'published' | 'updates'>): boolean {
  const isHealed = updates.some((one) => one.database === database && one.isNew);
  return published.damaged.includes(database) && !isHealed;
}
