import { cp, lstat, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import type { ContainerProgram } from './cli.ts';

/** Copies of folders of this machine in a container that does not share them, while tools work there. */
export interface ContainerFolders {
  /** Updates the copy and returns its path. */
  enter(folder: string): Promise<string>;
  /**
   * Updates the folder here from its copy. After the last tool, returns the path of the copy for the caller to remove.
   */
  leave(folder: string): Promise<readonly string[]>;
}

interface Copy {
  readonly inside: string;
  tools: number;
  /** Content of the folder here when both were last the same. */
  known: ReadonlyMap<string, string>;
  /** Queue: one transfer at a time. */
  turn: Promise<void>;
}

/** Copies of folders below `root`, a folder of the container. All calls reject with `engine/broken`. */
export function foldersIn(program: ContainerProgram, id: string, root: string): ContainerFolders {
  const copies = new Map<string, Copy>();
  let created = 0;
  const copyOf = (folder: string): Copy => {
    const copy = copies.get(folder) ?? {
      inside: `${root}/folder-${++created}`,
      tools: 0,
      known: new Map(),
      turn: Promise.resolve(),
    };
    copies.set(folder, copy);
    return copy;
  };
  const remove = async (folder: string, { inside }: Copy) => {
    copies.delete(folder);
    await program.command(['exec', '--user=0:0', id, 'rm', '-rf', inside]);
  };

  const push = async (folder: string, copy: Copy) => {
    const now = await listOf(folder);
    if (copy.known.size === 0) {
      await program.command(['cp', `${folder}/.`, `${id}:${copy.inside}`]);
      copy.known = now;
      return;
    }
    const gone = [...copy.known.keys()].filter((path) => !now.has(path));
    if (gone.length > 0) {
      const paths = gone.map((path) => join(copy.inside, path));
      await program.command(['exec', '--user=0:0', id, 'rm', '-rf', ...paths]);
    }
    // Copy only changed files: docker replaces the files that it copies, and a tool may have them open.
    await withFolderBeside(folder, async (changed) => {
      const isNew = (path: string) => now.get(path) === DIRECTORY || now.get(path) !== copy.known.get(path);
      const filter = (path: string) => path === folder || isNew(relative(folder, path));
      await cp(folder, changed, {
        recursive: true,
        preserveTimestamps: true,
        verbatimSymlinks: true,
        filter,
      });
      await program.command(['cp', `${changed}/.`, `${id}:${copy.inside}`]);
    });
    copy.known = now;
  };

  const pull = async (folder: string, copy: Copy) => {
    await withFolderBeside(folder, async (fresh) => {
      await program.command(['cp', `${id}:${copy.inside}/.`, fresh]);
      for (const name of await readdir(folder))
        await rm(join(folder, name), { recursive: true, force: true });
      for (const name of await readdir(fresh)) await rename(join(fresh, name), join(folder, name));
    });
    copy.known = await listOf(folder);
  };

  return {
    async enter(folder) {
      const copy = copyOf(folder);
      copy.tools++;
      await inTurn(copy, async () => {
        try {
          await push(folder, copy);
        } catch (error) {
          if (--copy.tools === 0) await remove(folder, copy).catch(() => {}); // the first error tells more
          throw error;
        }
      });
      return copy.inside;
    },
    async leave(folder) {
      const copy = copyOf(folder);
      await inTurn(copy, async () => {
        try {
          await pull(folder, copy);
          copy.tools--;
        } catch (error) {
          if (--copy.tools === 0) await remove(folder, copy).catch(() => {}); // the first error tells more
          throw error;
        }
        if (copy.tools === 0) copies.delete(folder);
      });
      return copy.tools === 0 ? [copy.inside] : [];
    },
  };
}

async function inTurn(copy: Copy, action: () => Promise<void>): Promise<void> {
  const mine = copy.turn.then(action);
  copy.turn = mine.catch(() => {});
  await mine;
}

const DIRECTORY = 'directory';

/** Content of a folder by relative path: a text that changes when the file changes. */
async function listOf(folder: string): Promise<Map<string, string>> {
  const list = new Map<string, string>();
  for (const path of await readdir(folder, { recursive: true })) {
    const found = await lstat(join(folder, path));
    if (found.isDirectory()) list.set(path, DIRECTORY);
    else if (found.isFile() || found.isSymbolicLink())
      list.set(path, [found.mode, found.size, found.mtimeMs, found.ino].join());
  }
  return list;
}

/** Creates a temporary folder on the same file system, so that files can be moved. */
async function withFolderBeside(folder: string, use: (beside: string) => Promise<void>): Promise<void> {
  const beside = await mkdtemp(join(dirname(folder), '.clamav-mirror-copy-'));
  try {
    await use(beside);
  } finally {
    await rm(beside, { recursive: true, force: true });
  }
}
