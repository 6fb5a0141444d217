import { copyFile, lstat, mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { AdoptedFile, FileOutcome } from '../../../scripts/cycle/adopt/adoption.ts';
import type { CycleReport } from '../../../scripts/cycle/report.ts';
import type { UpdateClient } from '../../support/clamav/update-clients.ts';
import { offer, sha256, type TestMirror } from '../../support/mirror/cycle.ts';
import { official } from '../../support/setup/official.ts';

/** A folder beside a mirror, with files of database `test` under these names. */
export async function folderOf(mirror: TestMirror, files: Readonly<Record<string, string>>): Promise<string> {
  const folder = join(mirror.folder, 'given');
  await mkdir(folder);
  for (const [name, source] of Object.entries(files)) await copyFile(official(source), join(folder, name));
  return folder;
}

/** A folder as cvdupdate keeps it that has this version, and the CDIFFs up to it. */
export async function folderAt(mirror: TestMirror, version: number): Promise<string> {
  const cdiffs = Array.from({ length: version - 1 }, (_, at) => `test-${at + 2}.cdiff`);
  const same = cdiffs.map((name) => [name, name] as const);
  return await folderOf(mirror, { 'test.cvd': `test-${version}.cvd`, ...Object.fromEntries(same) });
}

/** The folder in which a real program keeps databases, after it was updated at each of these versions. */
export async function keptBy(
  program: UpdateClient,
  mirror: TestMirror,
  ...versions: readonly number[]
): Promise<string> {
  const folder = join(mirror.folder, 'program');
  for (const version of versions) {
    offer(mirror, version);
    await program.update(folder, mirror.upstream.url);
  }
  return join(folder, 'db');
}

/** Everything that can be seen of a folder's files: whoever only reads changes none of it. */
export async function traces(folder: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    const { ino, mode, uid, size, mtimeMs, ctimeMs, nlink } = await lstat(path);
    const isSmall = entry.isFile() && size < 1_000_000 && (mode & 0o400) !== 0;
    const hash = isSmall ? sha256(await readFile(path)) : '';
    found[entry.name] = [ino, mode, uid, size, mtimeMs, ctimeMs, nlink, hash].join();
  }
  return found;
}

/** What became of each file, by name. */
export function fates(report: CycleReport): Record<string, FileOutcome> {
  return Object.fromEntries(report.adoption?.files.map(({ name, outcome }) => [name, outcome]) ?? []);
}

export function fateOf(report: CycleReport, name: string): AdoptedFile | undefined {
  return report.adoption?.files.find((file) => file.name === name);
}
