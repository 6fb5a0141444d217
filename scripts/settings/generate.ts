import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { withInputs, withTable } from './generated.ts';

/** `npm run generate`: writes anew what action.yml and the README say of settings. */
const root = join(import.meta.dirname, '..', '..');
for (const [name, anew] of [
  ['action.yml', withInputs],
  ['README.md', withTable],
] as const) {
  const path = join(root, name);
  await writeFile(path, anew(await readFile(path, 'utf8')));
}
