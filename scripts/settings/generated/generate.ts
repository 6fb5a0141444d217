import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EXTRAS_SCHEMA_FILE, extrasSchemaText } from './extras-schema.ts';
import { withInputs, withTable } from './generated.ts';
import { SCHEMA_FILE, schemaText } from './schema.ts';

/** `npm run generate`: writes anew what action.yml and the README say of settings, and the schemas of a settings file and of a list of extras. */
const root = join(import.meta.dirname, '..', '..', '..');
for (const [name, anew] of [
  ['action.yml', withInputs],
  ['README.md', withTable],
] as const) {
  const path = join(root, name);
  await writeFile(path, anew(await readFile(path, 'utf8')));
}
await writeFile(join(root, SCHEMA_FILE), schemaText());
await writeFile(join(root, EXTRAS_SCHEMA_FILE), extrasSchemaText());
