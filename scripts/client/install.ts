import { copyFile, link, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { cldName, cvdName, parseFileName } from '../cvd/names.ts';
import { openToReaders } from '../store/folder-access.ts';
import type { Signed } from './signs.ts';

/** Puts what a client's folder holds and is wanted into the folder that freshclam works on. */
export async function plant(
  proven: ReadonlyMap<string, Signed>,
  databases: readonly string[],
  from: string,
  to: string,
): Promise<void> {
  for (const [database, { file, sign }] of proven) {
    if (!databases.includes(database)) continue;
    await linkOrCopy(join(from, file), join(to, file));
    if (sign !== undefined) await copyFile(join(from, sign), join(to, sign));
  }
}

/**
 * Makes a client's folder hold what freshclam made of it, one rename at a time, for ClamAV may read it meanwhile. The
 * `.sign` comes before its CVD: its name says the version, so that no other CVD is judged by it, and a CVD that ClamAV
 * finds without it does not load with FIPS limits. Both a CVD and a CLD at once do no harm: ClamAV loads the newer. All
 * of it may be read by everybody, whatever the umask: clamd is another user.
 */
export async function install(
  proven: ReadonlyMap<string, Signed>,
  holdings: ReadonlyMap<string, Signed>,
  from: string,
  to: string,
): Promise<void> {
  for (const [database, { file, header, sign }] of holdings) {
    const before = proven.get(database);
    const names = [file, ...(sign === undefined ? [] : [sign])];
    for (const folder of [from, to]) await openToReaders(folder, names, FOR_READERS);
    if (sign !== undefined && before?.sign !== sign) await rename(join(from, sign), join(to, sign));
    if (before?.file !== file || before.header.version !== header.version) {
      await rename(join(from, file), join(to, file));
      if (before !== undefined && before.file !== file) await rm(join(to, before.file), { force: true });
    }
    if (before?.sign !== undefined && before.sign !== sign) await rm(join(to, before.sign), { force: true });
  }
  for (const database of proven.keys()) if (!holdings.has(database)) await remove(to, database);
}

const FOR_READERS = 0o644;

/** Removes a database from a folder, with what signs it. */
export async function remove(folder: string, database: string): Promise<void> {
  const signs = (await readdir(folder)).filter((name) => {
    const file = parseFileName(name);
    return file?.kind === 'sign' && file.signs === cvdName(database);
  });
  for (const name of [cvdName(database), cldName(database), ...signs])
    await rm(join(folder, name), { force: true });
}

/** freshclam replaces databases as a whole, so that a link will do. */
async function linkOrCopy(from: string, to: string): Promise<void> {
  await link(from, to).catch(() => copyFile(from, to));
}
