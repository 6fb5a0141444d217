import { access, constants, stat } from 'node:fs/promises';
import { delimiter, join } from 'node:path';

/** Finds the first program of this name in the folders of a PATH, then in `usualPlaces`. */
export async function findProgram(
  name: string,
  path: string,
  usualPlaces: readonly string[],
): Promise<string | undefined> {
  for (const folder of [...path.split(delimiter), ...usualPlaces]) {
    const candidate = join(folder, name);
    if (folder !== '' && (await isProgram(candidate))) return candidate;
  }
  return undefined;
}

async function isProgram(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}
