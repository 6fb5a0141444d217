import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Log } from '../base/log.ts';
import { counted } from '../base/words.ts';
import { cdiffName, cvdName } from '../cvd/names.ts';
import { requireWorkFolder } from '../cycle/workspace.ts';
import { takeLock } from '../files/lock.ts';
import type { DatabaseRecord } from '../mirror/manifest.ts';
import { readPublished } from '../mirror/published.ts';
import type { Store } from '../store/store.ts';
import type { Upstream } from '../upstream/open.ts';
import { BundleError } from './error.ts';
import { bundlesOf } from './grouped.ts';
import { readImported, writeImported } from './note.ts';
import { type Bundle, readBundle } from './read.ts';
import type { ImportSettings } from './settings.ts';
import { upstreamOf } from './upstream.ts';

/** What one cycle takes. */
export interface Leg {
  /** Databases that its bundles name, at the store's version or a later one. */
  readonly databases: readonly string[];
  openUpstream(): Upstream;
}

/** Bundles that fit what the store has, ready for cycles. */
export interface Import extends AsyncDisposable {
  /** One cycle for all bundles, and one more for each whole CVD that later bundles lead on from. None if all is older. */
  readonly legs: readonly Leg[];
  /** All databases that are mirrored here: those of the store, and those of the bundles. */
  readonly mirrored: readonly string[];
  /** Plain statements about bundles that bring nothing, or less than they could. */
  readonly notes: readonly string[];
  /** Notes that these bundles were imported. */
  finish(): Promise<void>;
}

/**
 * Reads bundles, in any order, and finds out if they lead on from what the store has. Nothing is taken of any of them if
 * one is damaged, or something in between is missing. Throws `BundleError`.
 */
export async function openImport(
  { files, anyMirror, work }: ImportSettings,
  { store, log }: { readonly store: Store; readonly log: Log },
): Promise<Import> {
  await requireWorkFolder(work);
  const lock = await takeLock(join(work, 'bundle.lock'), `the work folder ${work} for bundles`);
  const folder = join(work, 'bundle');
  const close = async () => {
    await rm(folder, { recursive: true, force: true });
    lock[Symbol.dispose]();
  };
  try {
    await rm(folder, { recursive: true, force: true }); // of an import that was killed
    const bundles: Bundle[] = [];
    for (const [at, one] of bundlesOf(files).entries()) {
      log.progress(`reading ${one.name}`);
      const into = join(folder, String(at));
      await mkdir(into, { recursive: true, mode: 0o700 });
      bundles.push(await readBundle(one, into));
    }
    bundles.sort((one, other) => Date.parse(one.contents.checked) - Date.parse(other.contents.checked));
    const newest = bundles.at(-1);
    if (newest === undefined) throw new BundleError('bundle/nothing', 'no bundle is named');
    const notes = anyMirror ? [] : await requireSameMirror(bundles, work);
    const here = await mirroredIn(store);
    const versions = new Map([...here].map(([name, { version }]) => [name, version]));
    requireNoGap(bundles, versions);
    return {
      legs: legsOf(bundles, versions),
      mirrored: [
        ...new Set(
          [...[...here].filter(([, { left }]) => left === undefined), ...newestIn(bundles)].map(
            ([name]) => name,
          ),
        ),
      ],
      notes: [...notes, ...bundles.flatMap((bundle) => oldNews(bundle, versions))],
      async finish() {
        const { mirror, number } = newest.contents;
        await writeImported(work, { mirror, number, sum: newest.sum });
      },
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Databases of a store, damaged ones too: a killed publication leaves one, and the archive may have what heals it. */
async function mirroredIn(store: Store): Promise<ReadonlyMap<string, DatabaseRecord>> {
  return new Map(Object.entries((await readPublished(store)).manifest?.databases ?? {}));
}

/** A whole CVD enters the store before later bundles rebuild the next one from it. */
function legsOf(bundles: readonly Bundle[], versions: ReadonlyMap<string, number>): Leg[] {
  const newest = newestIn(bundles);
  const isBase = ({ contents, files }: Bundle) =>
    Object.entries(contents.databases).some(
      ([database, { version }]) =>
        files.has(cvdName(database)) &&
        version > (versions.get(database) ?? 0) &&
        version < (newest.get(database) ?? 0),
    );
  const cuts = [...bundles.keys()].filter((at) => bundles[at] !== undefined && isBase(bundles[at]));
  const starts = [0, ...cuts.map((at) => at + 1)];
  return starts.flatMap((start, at) => {
    const own = bundles.slice(start, starts[at + 1]);
    const databases = [...newestIn(own)]
      .filter(([database, version]) => version >= (versions.get(database) ?? 0))
      .map(([database]) => database);
    return databases.length === 0 ? [] : [{ databases, openUpstream: () => upstreamOf(own) }];
  });
}

/** Versions to which the last bundle that names a database leads. */
function newestIn(bundles: readonly Bundle[]): ReadonlyMap<string, number> {
  return new Map(
    bundles.flatMap(({ contents }) =>
      Object.entries(contents.databases).map(([database, { version }]) => [database, version] as const),
    ),
  );
}

/** The bundles of a row name the one before them. Those that stand alone are of no row. */
async function requireSameMirror(bundles: readonly Bundle[], work: string): Promise<string[]> {
  const notes: string[] = [];
  let before = await readImported(work);
  for (const { name, sum, contents } of bundles) {
    const { mirror, number, follows } = contents;
    if (before !== undefined && before.mirror !== mirror)
      throw new BundleError(
        'bundle/other-mirror',
        `${name} comes from mirror ${mirror}, and the last bundle came from mirror ${before.mirror}. Nothing of it was taken`,
        { advice: 'If that is meant, say --any-mirror: every signature is verified either way' },
      );
    if (before !== undefined && number > before.number + 1 && before.number > 0)
      notes.push(
        `${name} has the number ${number}, and the last one had ${before.number}: some are missing in between`,
      );
    if (before !== undefined && number === before.number + 1 && number > 1 && follows !== before.sum)
      notes.push(
        `${name} follows another bundle ${before.number} than the one that was imported: the export began anew`,
      );
    if (number > 0) before = { mirror, number, sum };
  }
  return notes;
}

/** Throws `bundle/gap` if the bundles do not lead from the store's version of a database to theirs. */
function requireNoGap(bundles: readonly Bundle[], versions: ReadonlyMap<string, number>): void {
  const names = new Set(bundles.flatMap(({ files }) => [...files.keys()]));
  const gaps = [...newestIn(bundles)].flatMap(([database, version]) => {
    const from = versions.get(database);
    if (names.has(cvdName(database)) || (from !== undefined && from >= version)) return [];
    if (from === undefined)
      return [`${database} was never imported here, and no bundle holds the whole of it`];
    const missing = Array.from({ length: version - from }, (_, at) =>
      cdiffName(database, from + at + 1),
    ).filter((name) => !names.has(name));
    const [first, last] = [missing[0], missing.at(-1)];
    if (first === undefined) return [];
    const what =
      missing.length === 1 ? first : `${counted(missing.length, 'CDIFF')} from ${first} to ${last}`;
    return [`the store has ${database} ${from}, and ${what} on the way to ${version} is in no bundle`];
  });
  if (gaps.length === 0) return;
  throw new BundleError('bundle/gap', `${gaps.join('; ')}. Nothing was taken`, {
    advice:
      'Give the bundles in between too, all at once and in any order, or have one made that begins at what is here: bundle export --since',
  });
}

function oldNews({ name, contents }: Bundle, versions: ReadonlyMap<string, number>): string[] {
  const all = Object.entries(contents.databases);
  const known = all.filter(([database, { version }]) => (versions.get(database) ?? 0) >= version);
  if (known.length < all.length) return [];
  const older = known.filter(([database, { version }]) => (versions.get(database) ?? 0) > version);
  if (older.length === 0) return [`${name} leads to what the store has already`];
  const what = older.map(
    ([database, { version }]) => `${database} ${version}, and the store has ${versions.get(database)}`,
  );
  return [`${name} is older than what the store has: ${what.join('; ')}`];
}
