import { stat } from 'node:fs/promises';
import { MANIFEST_BYTES } from '../base/limits/manifest.ts';
import { HISTORY_BYTES } from '../base/limits/page.ts';
import { cvdName, parseFileName } from '../cvd/names.ts';
import { readText } from '../files/open.ts';
import { type Manifest, parseManifest } from '../mirror/manifest.ts';
import { HISTORY_JSON } from '../mirror/pages.ts';
import { type History, parseHistory } from '../page/history.ts';
import type { Store } from '../store/store.ts';
import { BundleError } from './error.ts';

/** What the other side of the gap has. */
export interface Known {
  /** Versions by database. */
  readonly versions: Readonly<Record<string, number>>;
  /** True if it has this file with these bytes. */
  has(name: string, sha256: string): boolean;
}

export const NOTHING: Known = { versions: {}, has: () => false };

/** What a mirror has of which this many versions and files are noted. */
export function knownFiles(
  versions: Readonly<Record<string, number>>,
  files: Readonly<Record<string, string>>,
): Known {
  return { versions, has: (name, sha256) => files[name] === sha256 };
}

/**
 * Reads `--since`: the path of a manifest, a date, versions such as `daily:28001,main:62`, or `nothing`. Throws
 * `bundle/since`.
 */
export async function knownSince(
  since: string,
  { store, manifest, now }: { readonly store: Store; readonly manifest: Manifest; readonly now: Date },
): Promise<Known> {
  if (since === 'nothing') return NOTHING;
  if (VERSIONS.test(since)) {
    const versions = since.split(',').map((one) => one.split(':') as [string, string]);
    return upTo(Object.fromEntries(versions.map(([name, version]) => [name, Number(version)])), manifest);
  }
  if (DATE.test(since) && !Number.isNaN(Date.parse(since))) {
    const text = (await store.readStart(HISTORY_JSON, HISTORY_BYTES + 1).catch(() => undefined))?.toString(
      'utf8',
    );
    return upTo(versionsAt(since, parseHistory(text, now), manifest), manifest);
  }
  if ((await stat(since).catch(() => undefined)) === undefined)
    throw new BundleError('bundle/since', `--since ${since} is no file, date or list of versions`, {
      advice:
        'Give a manifest.json of the other side, a date such as 2026-11-28, daily:28001,main:62, or nothing',
    });
  const { databases, files } = parseManifest(await readText(since, MANIFEST_BYTES, { follow: true }), since);
  return knownFiles(
    Object.fromEntries(Object.entries(databases).map(([name, { version }]) => [name, version])),
    Object.fromEntries(Object.entries(files).map(([name, { sha256 }]) => [name, sha256])),
  );
}

const VERSIONS = /^[A-Za-z]\w{0,31}:\d{1,9}(,[A-Za-z]\w{0,31}:\d{1,9})*$/;
const DATE = /^\d{4}-\d\d-\d\d(T[\d:.]+Z)?$/;

/** All files up to these versions, as if the other side had taken each as it came. */
function upTo(versions: Readonly<Record<string, number>>, manifest: Manifest): Known {
  return {
    versions,
    has(name) {
      const file = parseFileName(name);
      const version = file === undefined ? undefined : versions[file.database];
      if (file === undefined || version === undefined) return false;
      if (file.kind === 'cvd') return manifest.databases[file.database]?.version === version;
      return file.version !== undefined && file.version <= version;
    },
  };
}

function versionsAt(date: string, { changes }: History, manifest: Manifest): Record<string, number> {
  const time = Date.parse(date);
  const found = Object.entries(manifest.databases).flatMap(([database, { version }]) => {
    const own = changes.filter((change) => change.database === database);
    const before = own.findLast(({ at }) => Date.parse(at) <= time);
    const after = own.find(({ at }) => Date.parse(at) > time);
    const then = before !== undefined ? before.to : after !== undefined ? after.from : version;
    return then === null ? [] : [[database, then] as const];
  });
  if (changes.length === 0 || Date.parse(changes[0]?.at ?? '') > time)
    throw new BundleError('bundle/since', `what was published on ${date} is not known any more`, {
      advice: `Give versions instead, such as ${Object.keys(manifest.databases)[0] ?? 'daily'}:28001`,
    });
  return Object.fromEntries(found);
}

/** True if CDIFFs alone lead from the known version to the published one. */
export function leadsOn(database: string, known: Known, manifest: Manifest): boolean {
  const record = manifest.databases[database];
  const from = known.versions[database];
  if (record === undefined || from === undefined) return false;
  const { version, cdiffs, sha256 } = record;
  if (from === version) return known.has(cvdName(database), sha256);
  return from > version || (cdiffs !== null && cdiffs.first <= from + 1);
}
