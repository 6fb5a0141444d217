import { execFile, spawn } from 'node:child_process';
import { chmod, cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };

const ROOT = join(import.meta.dirname, '..', '..');
/** Makes this Node say that it is an older one. */
const PRETEND_OLD = `data:text/javascript,Object.defineProperty(process,'versions',{value:{...process.versions,node:'20.19.0'}})`;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'command-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Ended {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function run(
  program: string,
  args: readonly string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
) {
  return new Promise<Ended>((resolve) => {
    const child = execFile(program, args, options, (_, stdout, stderr) =>
      resolve({ exitCode: child.exitCode, stdout, stderr }),
    );
  });
}

/** A checkout of which there is the command only, and a Node beside it if `brought` is one. */
async function checkout(name: string, brought?: string): Promise<string> {
  const root = join(folder, name);
  const command = join(root, 'scripts', 'clamav-mirror.js');
  await cp(join(ROOT, packageJson.bin['clamav-mirror']), command);
  await writeFile(join(root, 'package.json'), '{"type": "module"}');
  if (brought !== undefined) {
    const bin = join(root, 'node_modules', 'node', 'bin');
    await mkdir(bin, { recursive: true });
    await writeFile(join(bin, 'node'), brought);
    await chmod(join(bin, 'node'), 0o755);
  }
  return command;
}

describe('the command clamav-mirror', () => {
  test('is the command line', async () => {
    const { exitCode, stdout } = await run(process.execPath, [
      join(ROOT, packageJson.bin['clamav-mirror']),
      '--version',
    ]);
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: `${packageJson.version}\n` });
  });

  test('says in one sentence that Node is too old, and what to do', async () => {
    const { exitCode, stderr } = await run(process.execPath, [
      '--import',
      PRETEND_OLD,
      await checkout('bare'),
      'sync',
    ]);
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(
      /^clamav-mirror needs Node 24\.5 or newer, and this is 20\.19\.0: run npm ci[^\n]*\n$/,
    );
  });

  test('takes the Node that npm ci brought where the one it was started by is too old', async () => {
    const command = await checkout('brought', '#!/bin/sh\nprintf "%s\\n" "$@"\nexit 3\n');
    const ended = await run(process.execPath, ['--import', PRETEND_OLD, command, 'sync', '--store', 'a b']);
    expect(ended.exitCode).toBe(3);
    expect(ended.stdout.split('\n').slice(1)).toEqual(['sync', '--store', 'a b', '']);
  });

  test.each(['SIGHUP', 'SIGINT'] as const)(
    'hands %s on to its Node, without a terminal that does',
    async (signal) => {
      const script = '#!/bin/sh\ntrap "echo heard; exit 0" HUP INT\necho up\nwhile :; do sleep 0.1; done\n';
      const command = await checkout(`asked-${signal}`, script);
      const child = spawn(process.execPath, ['--import', PRETEND_OLD, command, 'run']);
      const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
      expect((await lines.next()).value).toBe('up');
      child.kill(signal);
      expect((await lines.next()).value).toBe('heard');
    },
  );

  test('ends by the signal that its Node ended by', async () => {
    const command = await checkout('killed', '#!/bin/sh\nkill -TERM $$\n');
    const ended = await run('sh', [
      '-c',
      '"$@"; echo $?',
      'sh',
      process.execPath,
      '--import',
      PRETEND_OLD,
      command,
    ]);
    expect(ended.stdout).toBe('143\n');
  });
});

test('npm --prefix takes relative paths from where the user stands', async () => {
  const cwd = join(folder, 'here');
  await mkdir(cwd);
  const args = ['--prefix', ROOT, 'run', '-s', 'clamav-mirror', '--', 'status', '--store', './none'];
  const { stdout, stderr } = await run('npm', args, { cwd });
  expect(stdout + stderr).toContain(join(cwd, 'none'));
});

test('the Node that runs it is part of a production install, of the version that package.json asks for', () => {
  expect(packageJson.dependencies).toHaveProperty('node');
  expect(packageJson.engines.node).toBe('>=24.5');
});
