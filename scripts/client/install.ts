import { copyFile, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { cldName, cvdName, parseFileName } from '../cvd/names.ts';
import { linkOrCopy } from '../files/open.ts';
import { openToReaders } from '../store/folder-access.ts';
import type { Signed } from './signs.ts';

/** Puts the wanted databases of a client's folder into the folder that freshclam works on. */
export async function plant(
  proven: ReadonlyMap<string, Signed>,
  databases: readonly string[],
  from: string,
  to: string,
): Promise<void> {
  for (const [database, { file, sign }] of proven) {
    if (!databases.includes(database)) continue;
    await linkOrCopy(join(from, file), join(to, file)); // freshclam replaces a database as a whole
    if (sign !== undefined) await copyFile(join(from, sign), join(to, sign));
  }
}

/**
 * Moves what freshclam made into a client's folder, one rename at a time, for ClamAV may read the folder meanwhile. The
 * `.sign` comes before its CVD: with FIPS limits, a CVD without it does not load. Its name has the version, so ClamAV does not
 * apply it to another CVD. A CVD and a CLD side by side do no harm: ClamAV loads the newer. Every file is readable by
 * everybody, whatever the umask, for clamd is another user.
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

/** Removes a database from a folder, with its `.sign` files. */
export async function remove(folder: string, database: string): Promise<void> {
  const signs = (await readdir(folder)).filter((name) => {
    const file = parseFileName(name);
    return file?.kind === 'sign' && file.signs === cvdName(database);
  });
  for (const name of [cvdName(database), cldName(database), ...signs])
    await rm(join(folder, name), { force: true });
}
