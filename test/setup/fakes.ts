import { chmod, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findProgram } from '../../scripts/setup/programs.ts';

/** What shell scripts need besides the shell. */
const TOOLS = ['cat', 'chmod', 'cp', 'rm', 'sed', 'timeout', 'true'];

/** A machine whose programs misbehave on demand; the real one stays as it is. */
export interface FakeMachine extends AsyncDisposable {
  readonly folder: string;
  /** Lead to the fakes and to a few tools: no apt, no ClamAV and no sudo of the real machine. */
  readonly options: {
    readonly path: string;
    readonly usualPlaces: readonly string[];
    readonly policy: string;
  };
  /** Adds a program: a script for sh. */
  add(name: string, script: string): Promise<void>;
  /** The arguments of each call so far. */
  calls(name: string): Promise<string[]>;
}

/** Programs by name, each a script for sh. `$HERE` is the machine's folder. */
export async function fakeMachine(programs: Readonly<Record<string, string>>): Promise<FakeMachine> {
  const folder = await mkdtemp(join(tmpdir(), 'fake-machine-'));
  const [fakes, tools] = [join(folder, 'bin'), join(folder, 'tools')];
  await mkdir(fakes);
  await mkdir(tools);
  for (const tool of TOOLS) await symlink((await findProgram(tool, {})) ?? '/nowhere', join(tools, tool));
  const machine: FakeMachine = {
    folder,
    options: { path: fakes, usualPlaces: [tools], policy: join(folder, 'policy-rc.d') },
    async add(name, script) {
      const path = join(fakes, name);
      await writeFile(path, `#!/bin/sh\necho "$*" >> "$0.calls"\nHERE='${folder}'\n${script}\n`);
      await chmod(path, 0o755);
    },
    async calls(name) {
      const text = await readFile(join(fakes, `${name}.calls`), 'utf8').catch(() => '');
      return text.split('\n').filter((line) => line !== '');
    },
    async [Symbol.asyncDispose]() {
      await rm(folder, { recursive: true, force: true });
    },
  };
  for (const [name, script] of Object.entries(programs)) await machine.add(name, script);
  return machine;
}

/** A sudo that asks for no password. */
export const SUDO = 'shift; exec "$@"';
