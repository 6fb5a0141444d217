import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf, explain } from '../../base/errors.ts';
import { ARCHIVE_FOLDER, cdiffName, cvdName, parseCldName, parseFileName } from '../../cvd/names.ts';
import { FolderStore } from '../../store/folder.ts';
import { folderSight } from '../../store/folder-sight.ts';
import { MANIFEST } from '../../store/store.ts';
import type { Trust } from '../../verify/trust.ts';
import { foreignFiles, isDatabaseFile } from '../foreign/foreign-files.ts';
import { type Manifest, parseManifest } from '../manifest.ts';
import { inspectPin } from '../pin.ts';
import { type Checked, checkFile } from './check-file.ts';

/** Attempts to check a tree: a publication in the meantime starts the check again. */
const ATTEMPTS = 5;

/**
 * Proves every database file in a folder, and that the folder matches its manifest, if it has one. A proven CVD or
 * CDIFF that is newer than the manifest is fine: a publication replaces the manifest last, so a tree looks like this
 * during one, or after a run that was killed. Never throws.
 */
export async function checkTree(folder: string, trust: Trust): Promise<Checked[]> {
  const store = new FolderStore(folder);
  for (let left = ATTEMPTS; ; left--) {
    const before = await stateOf(store);
    const checked = await checkOnce(folder, store, trust);
    if (left === 1 || (await stateOf(store)) === before) return checked;
  }
}

/**
 * State of a folder that changes with every publication: first the manifest is replaced, then files that it no longer
 * names are removed.
 */
async function stateOf(store: FolderStore): Promise<string | undefined> {
  try {
    return [(await store.readManifest())?.tag, ...(await store.list()).keys()].join();
  } catch {
    return undefined; // the check reports the error
  }
}

async function checkOnce(folder: string, store: FolderStore, trust: Trust): Promise<Checked[]> {
  const path = join(folder, MANIFEST);
  const checked: Checked[] = [];
  try {
    const names = await databaseFilesIn(folder);
    checked.push(...(await Promise.all(names.map((name) => checkFile(join(folder, name), trust)))));
    const found = await store.readManifest();
    if (found === undefined) return checked;
    const byName = new Map(names.map((name, index) => [name, checked[index]]));
    const manifest = parseManifest(found.text, folder);
    const foreign = foreignFiles(manifest, await store.names()).filter((name) => !isGoodSign(name, byName));
    const others = checked.filter(({ path: one }) => !foreign.some((name) => join(folder, name) === one));
    const strangers = foreign.map((name) => foreignFile(join(folder, name)));
    const extras = await checkExtras(folder, manifest);
    return [...others, ...strangers, ...extras, checkManifest(path, manifest, byName)];
  } catch (error) {
    const code = codeOf(error) ?? 'unexpected';
    const verdict = code === 'store/manifest' ? 'unproven' : 'unreadable';
    return [...checked, { path, verdict, reason: explain(error), code }];
  }
}

/** Names of database files, including the archive, and the CLDs that a freshclam keeps. */
async function databaseFilesIn(folder: string): Promise<string[]> {
  const archived = await readdir(join(folder, ARCHIVE_FOLDER)).catch((error) => {
    if (codeOf(error) !== 'ENOENT' && codeOf(error) !== 'ENOTDIR') throw error;
    return [];
  });
  const names = [...(await readdir(folder)), ...archived.map((name) => `${ARCHIVE_FOLDER}/${name}`)];
  const isCld = (name: string) => parseCldName(name) !== undefined && isDatabaseFile(name);
  const isDatabase = (name: string) => parseFileName(name) !== undefined || isCld(name);
  return names.filter(isDatabase).sort();
}

/** True for a good `.sign` that is not in the manifest: a publication may be under way, and it does no harm. */
function isGoodSign(name: string, byName: ReadonlyMap<string, Checked | undefined>): boolean {
  return name.endsWith('.sign') && ['proven', 'waiting'].includes(byName.get(name)?.verdict ?? '');
}

/** Result for a foreign file, genuine or not, that clients would take for one of this mirror. */
export function foreignFile(path: string): Checked {
  const reason = 'is not in the manifest, but clients would take it for a database of this mirror';
  return { path, verdict: 'unproven', reason, code: 'verify/mismatch' };
}

function checkManifest(
  path: string,
  manifest: Manifest,
  byName: ReadonlyMap<string, Checked | undefined>,
): Checked {
  for (const [name, { sha256 }] of Object.entries(manifest.files)) {
    const there = byName.get(name);
    if (there === undefined) return wrong(path, `${name} is missing`);
    if (there.verdict === 'waiting' || there.sha256 === sha256) continue;
    const published = manifest.databases[there.database ?? '']?.version ?? 0;
    if (there.verdict !== 'proven' || (there.version ?? 0) <= published) {
      return wrong(path, `${name} is not the file that the manifest names`);
    }
  }
  for (const [database, record] of Object.entries(manifest.databases)) {
    const { version, sha256, cdiffs } = record;
    const name = cvdName(database);
    const there = byName.get(name);
    if (manifest.files[name]?.sha256 !== sha256 || (there?.sha256 === sha256 && there.version !== version)) {
      return wrong(path, `${name} is not the version ${version} that the manifest describes`);
    }
    const { bogus } = inspectPin(database, record, manifest, new Date());
    if (bogus !== undefined) return wrong(path, `no rollback made the pin of ${database}: ${bogus}`);
    for (let step = cdiffs?.first ?? 1; step <= (cdiffs?.last ?? 0); step++) {
      const cdiff = cdiffName(database, step);
      if (manifest.files[cdiff] === undefined) return wrong(path, `${cdiff} is missing from the manifest`);
    }
  }
  const databases = Object.entries(manifest.databases).map(([name, { version }]) => `${name} ${version}`);
  return {
    path,
    verdict: 'proven',
    what: `manifest of ${databases.join(', ')}, published ${manifest.published}`,
  };
}

/**
 * Compares each extra with the manifest. Nobody signed them: that they are the proven ones is all that can be said. A publication
 * replaces them before the manifest.
 */
async function checkExtras(folder: string, { extras }: Manifest): Promise<Checked[]> {
  const checked: Checked[] = [];
  for (const [name, { size, sha256, source }] of Object.entries(extras?.files ?? {})) {
    const path = join(folder, name);
    const found = await folderSight(folder, async () => []).hash(name, size);
    if (found === sha256) checked.push({ path, verdict: 'proven', what: `extra of ${source}`, sha256 });
    else checked.push(wrong(path, 'is missing, or is not the extra that the manifest names'));
  }
  return checked;
}

function wrong(path: string, reason: string): Checked {
  return { path, verdict: 'unproven', reason, code: 'verify/mismatch' };
}
