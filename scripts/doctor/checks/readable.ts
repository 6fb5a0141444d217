import { lstat, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { FolderStore } from '../../store/folder.ts';
import { MANIFEST } from '../../store/store.ts';
import type { DoctorContext } from '../context.ts';
import { bad, good, type Seen, skipped } from '../finding.ts';

const READ = 0o004;
const ENTER = 0o005;
const PASS = 0o001;

/** Checks by a test publication that a web server of another user could read what is published. */
export async function checkReadable({
  settings,
  testFolders,
}: Pick<DoctorContext, 'settings' | 'testFolders'>): Promise<Seen> {
  const { store } = settings.sync;
  const opened = await testFolders.inStore(store).catch(() => undefined);
  if (opened === undefined) return skipped(`nothing can be written at ${store}`);
  const closed = opened.isNew ? undefined : await closedIn(store);
  if (closed !== undefined) return bad(`${closed}: a web server answers 403`, `chmod -R go+rX '${store}'`);
  const mirror = join(opened.folder, 'store');
  await publishIn(mirror);
  const modes = { folder: await modeOf(mirror), file: await modeOf(join(mirror, MANIFEST)) };
  if ((modes.folder & ENTER) !== ENTER || (modes.file & READ) === 0) {
    return bad(
      `what is published would be for this user alone (folders ${shown(modes.folder)}, files ${shown(modes.file)}): a web server answers 403`,
      'Run sync by a umask of 022 (a shell: umask 022; a systemd unit: UMask=0022)',
    );
  }
  const barred = await barredAbove(store);
  const what = `everybody may read what is published (files ${shown(modes.file)})`;
  if (barred === undefined) return good(what);
  const advice = `If a web server of another user is to serve it: chmod o+x '${barred}', or another --store`;
  return good(`${what}, if they can pass ${barred}`, advice);
}

/** Names what others cannot read in a folder; `undefined`: they can read all. */
async function closedIn(store: string): Promise<string | undefined> {
  const mode = (await stat(store)).mode & 0o777;
  if ((mode & ENTER) !== ENTER) return `others cannot enter ${store} (${shown(mode)})`;
  for (const name of (await new FolderStore(store).list()).keys()) {
    const found = await modeOf(join(store, name)).catch(() => READ); // gone by now
    if ((found & READ) === 0) return `others cannot read ${join(store, name)} (${shown(found)})`;
  }
  return undefined;
}

async function publishIn(folder: string): Promise<void> {
  await using publication = await new FolderStore(folder).begin(undefined);
  await publication.commit('{}\n');
}

/** The first folder above that others cannot pass. */
async function barredAbove(path: string): Promise<string | undefined> {
  for (let at = dirname(path); at !== dirname(at); at = dirname(at)) {
    const found = await stat(at).catch(() => undefined);
    if (found !== undefined && (found.mode & PASS) === 0) return at;
  }
  return undefined;
}

async function modeOf(path: string): Promise<number> {
  return (await lstat(path)).mode & 0o777;
}

function shown(mode: number): string {
  return mode.toString(8).padStart(4, '0');
}
