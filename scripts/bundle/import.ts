import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Log } from '../base/log.ts';
import { cdiffName } from '../cvd/names.ts';
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
import { upstreamOf, wholeIn } from './upstream.ts';

/** Bundles that fit what the store has, ready for a cycle. */
export interface Import extends AsyncDisposable {
  /** Databases that the bundles name, at the store's version or a later one. None if all is older. */
  readonly databases: readonly string[];
  openUpstream(): Upstream;
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
    bundles.sort(inOrder);
    const newest = bundles.at(-1);
    if (newest === undefined) throw new BundleError('bundle/nothing', 'no bundle is named');
    const notes = anyMirror ? [] : await requireSameMirror(bundles, work);
    const here = await mirroredIn(store);
    const versions = new Map([...here].map(([name, { version }]) => [name, version]));
    requireNoGap(bundles, versions);
    const led = newestIn(bundles);
    const kept = [...here].flatMap(([name, { left }]) => (left === undefined ? [name] : []));
    return {
      databases: [...led].flatMap(([name, version]) => (version >= (versions.get(name) ?? 0) ? [name] : [])),
      openUpstream: () => upstreamOf(bundles),
      mirrored: [...new Set([...kept, ...led.keys()])],
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

/** By the time of what they tell, and those of one time by their number. */
function inOrder({ contents: one }: Bundle, { contents: other }: Bundle): number {
  return Date.parse(one.checked) - Date.parse(other.checked) || one.number - other.number;
}

/** Databases of a store, damaged ones too: a killed publication leaves one, and the archive may have what heals it. */
async function mirroredIn(store: Store): Promise<ReadonlyMap<string, DatabaseRecord>> {
  return new Map(Object.entries((await readPublished(store)).manifest?.databases ?? {}));
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
  const whole = wholeIn(bundles);
  const gaps = [...newestIn(bundles)].flatMap(([database, version]) => {
    const from = Math.max(versions.get(database) ?? 0, whole.get(database)?.version ?? 0);
    if (from === 0) return [`${database} was never imported here, and no bundle holds the whole of it`];
    const has = (step: number) => names.has(cdiffName(database, step));
    let [first, last] = [from + 1, version]; // a stranger's number: no list of them all
    while (first <= last && has(first)) first++;
    while (first <= last && has(last)) last--;
    if (first > last) return [];
    const name = cdiffName(database, first);
    const what = first === last ? name : `something from ${name} to ${cdiffName(database, last)}`;
    const start = from === versions.get(database) ? 'the store has' : 'a bundle holds';
    return [`${start} ${database} ${from}, and ${what} on the way to ${version} is in no bundle`];
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
