import type { Brought, Look } from './bring.ts';
import { parseFileName } from './cvd/names.ts';
import type { Proof } from './proof/record.ts';
import { type SyncSettings, VERSION } from './settings.ts';
import type { Stage } from './stage.ts';
import type { DatabaseRecord, FileRecord, Manifest } from './store/manifest.ts';

/**
 * The manifest of a stage that was proven. Databases that took no part in the cycle stay as the previous manifest
 * describes them.
 */
export function nextManifest(cycle: {
  settings: SyncSettings;
  now: Date;
  previous: Manifest | undefined;
  looks: readonly Look[];
  brought: readonly Brought[];
  stage: Stage;
  proof: Proof;
}): Manifest {
  const { settings, previous, looks, brought, stage, proof } = cycle;
  const now = cycle.now.toISOString();
  const databases: Record<string, DatabaseRecord> = { ...previous?.databases };
  for (const { database, record } of brought) if (record !== undefined) databases[database] = record;

  const files: Record<string, FileRecord> = {};
  for (const [name, file] of Object.entries(previous?.files ?? {})) {
    const database = parseFileName(name)?.database;
    if (!brought.some((one) => one.database === database && one.record !== undefined)) files[name] = file;
  }
  for (const { name, size, sha256 } of stage.files.values()) files[name] = { size, sha256 };

  const known = [...Object.keys(previous?.files ?? {}), ...(previous?.retired ?? [])];
  const allWell = brought.every(({ trouble }) => trouble === undefined);
  return {
    format: 1,
    generator: `clamav-mirror/${VERSION}`,
    built:
      Object.values(databases)
        .map(({ built }) => built)
        .sort()
        .at(-1) ?? now,
    checked: allWell ? now : (previous?.checked ?? now),
    published: now,
    upstream: { url: settings.upstream, bytes: looks.reduce((sum, { client }) => sum + client.received, 0) },
    databases,
    retired: [...new Set(known)].filter((name) => files[name] === undefined && parseFileName(name)).sort(),
    files: Object.fromEntries(Object.entries(files).sort(([a], [b]) => a.localeCompare(b))),
    proof,
  };
}
