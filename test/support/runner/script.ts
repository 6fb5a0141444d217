import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { findProgram } from '../../../scripts/setup/programs.ts';
import type { Running } from './carry-out.ts';
import { fill } from './expressions.ts';
import type { Result } from './machine.ts';
import { runCommand } from './process.ts';

/** The shells that GitHub knows, and how they are called. Without a word it is bash, and without `pipefail`. */
const SHELLS: Readonly<Record<string, string>> = {
  '': 'bash -e {0}',
  bash: 'bash --noprofile --norc -e -o pipefail {0}',
  sh: 'sh -e {0}',
  python: 'python {0}',
};

/** Carries out a step that says `run`. */
export async function runScript(running: Running): Promise<Result> {
  const { machine, level, step, scope, signal, onLine, error } = running;
  const { log, folders, place, defaults } = machine;
  const script = fill(step.run ?? '', scope);
  // Defaults are the job's; a composite action must name the shell itself.
  const isNested = level.top !== undefined;
  if (isNested && step.shell === undefined) throw new Error('Required property is missing: shell');
  const shell = fill(step.shell ?? (isNested ? '' : defaults.shell) ?? '', scope);
  const folder = fill(step['working-directory'] ?? (isNested ? '' : defaults.folder) ?? '', scope);
  const format = SHELLS[shell] ?? shell;
  if (!format.includes('{0}')) throw new Error(`Invalid shell option: ${shell}`);
  const file = join(folders.temporary, `${randomUUID()}.sh`);
  await writeFile(file, script);
  const [name = '', ...args] = format.replace('{0}', file).split(' ');
  const environment = running.environment();
  if (machine.idToken && place.oidc !== undefined) {
    environment.ACTIONS_ID_TOKEN_REQUEST_URL = place.oidc.url;
    environment.ACTIONS_ID_TOKEN_REQUEST_TOKEN = place.oidc.token;
  }
  const program = await findProgram(name, { path: environment.PATH, usualPlaces: [] });
  if (program === undefined) throw new Error(`Unable to locate executable file: ${name}`);
  const [first = ''] = script.trimStart().split('\n');
  log.write(`##[group]Run ${first}\n${script.trimEnd()}\nshell: ${format}`);
  const shown = Object.entries(running.env);
  if (shown.length > 0) log.write(['env:', ...shown.map(([key, value]) => `  ${key}: ${value}`)].join('\n'));
  log.write('##[endgroup]');
  const code = await runCommand({
    program,
    args,
    folder: resolve(folders.workspace, folder),
    environment,
    onLine,
    signal,
    patience: place.patience,
  });
  if (code !== 0) error(`Process completed with exit code ${code}.`);
  return code === 0 ? 'success' : 'failure';
}
