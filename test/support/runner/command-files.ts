import { randomUUID } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** The files by which a step talks to the runner, in the variables that name them. */
export interface CommandFiles {
  readonly environment: Readonly<Record<string, string>>;
  read(name: CommandFile): Promise<string>;
}

export type CommandFile = 'OUTPUT' | 'ENV' | 'PATH' | 'STATE' | 'STEP_SUMMARY';
const NAMES: readonly CommandFile[] = ['OUTPUT', 'ENV', 'PATH', 'STATE', 'STEP_SUMMARY'];

/** Makes them anew for one step. */
export async function makeCommandFiles(temporary: string): Promise<CommandFiles> {
  const folder = join(temporary, '_runner_file_commands');
  await mkdir(folder, { recursive: true });
  const id = randomUUID();
  const path = (name: CommandFile) => join(folder, `${name.toLowerCase()}_${id}`);
  for (const name of NAMES) await writeFile(path(name), '');
  return {
    environment: Object.fromEntries(NAMES.map((name) => [`GITHUB_${name}`, path(name)])),
    read: async (name) => await readFile(path(name), 'utf8').catch(() => ''),
  };
}

/** `name=value` and `name<<delimiter` pairs; throws in the runner's words on anything else. */
export function parsePairs(text: string): [name: string, value: string][] {
  const pairs: [string, string][] = [];
  const lines = text.split(/\r?\n/);
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at] ?? '';
    if (line === '') continue;
    const equals = line.indexOf('=');
    const heredoc = line.indexOf('<<');
    if (heredoc >= 0 && (equals < 0 || heredoc < equals)) {
      const name = line.slice(0, heredoc);
      const delimiter = line.slice(heredoc + 2);
      if (name === '' || delimiter === '') {
        throw new Error(`Invalid format '${line}'. Name must not be empty and delimiter must not be empty`);
      }
      const end = lines.indexOf(delimiter, at + 1);
      if (end === -1) throw new Error(`Invalid value. Matching delimiter not found '${delimiter}'`);
      pairs.push([name, lines.slice(at + 1, end).join('\n')]);
      at = end;
    } else if (equals > 0) {
      pairs.push([line.slice(0, equals), line.slice(equals + 1)]);
    } else {
      throw new Error(
        equals === 0 ? `Invalid format '${line}'. Name must not be empty` : `Invalid format '${line}'`,
      );
    }
  }
  return pairs;
}
