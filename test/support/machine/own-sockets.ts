import { readdir, readFile, readlink, rename, writeFile } from 'node:fs/promises';
import { setTimeout as wait } from 'node:timers/promises';

/** Sockets that wait for connections. */
export interface Sockets {
  readonly ports: readonly number[];
  /** Of sockets in the file system. */
  readonly paths: readonly string[];
}

/** Milliseconds. */
const PAUSE = 10;

/**
 * Runs something, and meanwhile keeps in a file, as JSON, the sockets of this process and of those that it started: for
 * somebody who attacks them, and must leave alone those of tests that run at the same time.
 */
export async function tellingOwnSockets<T>(path: string, run: () => Promise<T>): Promise<T> {
  let isOver = false;
  const running = run().finally(() => {
    isOver = true;
  });
  running.catch(() => {}); // it is awaited below
  while (!isOver) {
    await writeFile(`${path}.new`, JSON.stringify(await ownSockets()));
    await rename(`${path}.new`, path);
    await wait(PAUSE);
  }
  return await running;
}

async function ownSockets(): Promise<Sockets> {
  const inodes = new Set<string>();
  for (const pid of await ownProcesses()) {
    const folder = `/proc/${pid}/fd`;
    for (const name of await readdir(folder).catch(() => [])) {
      const target = await readlink(`${folder}/${name}`).catch(() => '');
      const [, inode] = /^socket:\[(\d+)\]$/.exec(target) ?? [];
      if (inode !== undefined) inodes.add(inode);
    }
  }
  const fieldsOf = async (table: string) =>
    (await readFile(`/proc/net/${table}`, 'utf8')).split('\n').map((line) => line.trim().split(/\s+/));
  const ports = (await fieldsOf('tcp')).flatMap(([, local = '', , state, , , , , , inode = '']) => {
    const [, port] = /^0100007F:([0-9A-F]{4})$/.exec(local) ?? [];
    return port !== undefined && state === '0A' && inodes.has(inode) ? [Number.parseInt(port, 16)] : [];
  });
  const paths = (await fieldsOf('unix')).flatMap(([, , , , , , inode = '', path]) =>
    path?.startsWith('/') && inodes.has(inode) ? [path] : [],
  );
  return { ports, paths };
}

/** This process, its children, and theirs. */
async function ownProcesses(): Promise<ReadonlySet<string>> {
  const parents = new Map<string, string>();
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const stat = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => '');
    const [, parent] = stat.slice(stat.lastIndexOf(')') + 1).match(/^ \S (\d+)/) ?? [];
    if (parent !== undefined) parents.set(pid, parent);
  }
  const own = new Set([String(process.pid)]);
  for (let size = 0; size < own.size; ) {
    size = own.size;
    for (const [pid, parent] of parents) if (own.has(parent)) own.add(pid);
  }
  return own;
}
