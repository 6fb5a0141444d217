import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe } from 'vitest';
import { PRIVATE_FOLDER } from '../../scripts/store/file-name.ts';
import { FolderStore } from '../../scripts/store/folder.ts';
import { testContract } from './contract.ts';
import { temporaryFolder } from './support.ts';

describe('a folder', () => {
  testContract(async () => {
    const folder = join(temporaryFolder(), 'mirror');
    return {
      open: () => new FolderStore(folder),
      async plant(name, text) {
        await mkdir(dirname(join(folder, name)), { recursive: true });
        await writeFile(join(folder, name), text);
      },
      read: async (name) => await readFile(join(folder, name)).catch(() => undefined),
      async names() {
        const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
        const files = entries.filter((entry) => entry.isFile());
        const names = files.map(({ parentPath, name }) => join(parentPath, name).slice(folder.length + 1));
        return names.filter((name) => name !== join(PRIVATE_FOLDER, 'lock')).sort();
      },
    };
  });
});
