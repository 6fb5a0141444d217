import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { COMMANDS } from '../../scripts/settings/commands/commands.ts';
import { type Holding, holdingOf } from '../../scripts/settings/config/holding.ts';
import { HeaderText } from '../../scripts/settings/fields.ts';
import { settingsFile, temporaryFolder } from '../settings/support.ts';
import { runCli } from '../support/mirror/cli.ts';

interface Shown {
  readonly file: string | null;
  readonly settings: readonly Holding[];
}

/** What `config` shows of these settings, by name. */
async function shown(args: readonly string[], environment: Readonly<Record<string, string>> = {}) {
  const run = await runCli(['config', ...args, '--json'], { environment });
  expect(run).toMatchObject({ exitCode: 0, stderr: '' });
  const { file, settings } = run.json() as Shown;
  return { file, of: Object.fromEntries(settings.map(({ name, ...rest }) => [name, rest])) };
}

describe('config', () => {
  test('shows of each setting what holds, and where it comes from', async () => {
    const path = settingsFile('{\n  "store": "mirror",\n  "cdiffs": 60,\n  "archive": 5,\n}');
    const { file, of } = await shown(
      ['--config', path, '--cdiffs', '10', '--databases', 'main', '--databases', 'daily'],
      {
        CLAMAV_MIRROR_ARCHIVE: '7',
      },
    );
    expect(file).toBe(path);
    expect(of).toMatchObject({
      store: { value: join(path, '..', 'mirror'), source: 'file', where: `${path}:2:12` },
      cdiffs: { value: 10, source: 'flag', where: '--cdiffs' },
      databases: { value: ['main', 'daily'], source: 'flag' },
      archive: { value: 7, source: 'variable', where: 'CLAMAV_MIRROR_ARCHIVE' },
      'max-size': { value: 1024, source: 'default' },
      engines: { value: null, source: 'default', usually: expect.stringContaining('native') },
      retry: { value: false, source: 'default' },
    });
  });

  test('shows the settings of another command', async () => {
    const { of } = await shown(['serve', '--config', settingsFile({ port: 80, serve: { port: 81 } })]);
    expect(of).toMatchObject({ port: { value: 81, source: 'file' } });
    expect(Object.keys(of)).toEqual(COMMANDS.serve.map(({ name }) => name));
  });

  test('shows people a line for each', async () => {
    const path = settingsFile({ cdiffs: 60 });
    const { exitCode, stdout } = await runCli(['config', '--config', path]);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(new RegExp(`^settings of sync, with ${path}\n`));
    expect(stdout).toMatch(new RegExp(`^cdiffs +${path}:1:11 +60$`, 'm'));
  });

  test('reads no file from the folder that the user is in: it may be what is to be scanned', async () => {
    const cwd = temporaryFolder();
    await writeFile(join(cwd, 'clamav-mirror.json'), '{ "cdiffs": 60 }');
    const run = await runCli(['config', '--json'], { cwd });
    const { file, settings } = run.json() as Shown;
    expect(file).not.toBe(join(cwd, 'clamav-mirror.json'));
    expect(settings.find(({ name }) => name === 'cdiffs')?.source).toBe('default');
  });

  const wrong: readonly (readonly string[])[] = [
    ['synch'],
    ['serve', '--into', 'x'],
    ['--cdiffs', 'many'],
    ['--verbose', '--quiet'],
    ['--store', '/srv/clamav', '--work', '/srv/clamav/work'],
    ['watch', '--warn-after', '9', '--fail-after', '8'],
    ['run', '--store', '/srv/clamav', '--work', '/srv/clamav/work'],
    ['rollback', '--store', '/srv/clamav', '--work', '/srv/clamav/work'],
    ['sync', '--wait-for', 'safebrowsing:5'],
    ['client-config', '--for', 'debian', '--fips', '--oldest', '1.0'],
    ['export', '--store', 's3://'],
    ['--config', '/srv/there/is/none.json'],
  ];
  test.each(wrong)('exits with 2 where something is wrong: %s %s %s', async (...args) => {
    const { exitCode, stdout } = await runCli(['config', ...args]);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
  });
});

test('a secret is told by its source alone, and no password of a URL is shown', () => {
  const text = { name: 'it', value: '<it>', help: 'it', schema: HeaderText } as const;
  const given = { flags: { it: 'https://me:hunter2@mirror.example' }, environment: {} };
  expect(holdingOf({ ...text, secret: true }, given)).toEqual({
    name: 'it',
    value: null,
    source: 'flag',
    where: '--it',
    secret: true,
  });
  expect(holdingOf(text, given).value).toBe('https://***@mirror.example');
});

test('a wrong settings file ends every command with 2, and the place in it', async () => {
  const path = settingsFile('{\n  "cdiff": 60\n}');
  for (const args of [['sync'], ['serve'], ['verify', '.'], ['probe', 'http://127.0.0.1:9']]) {
    const { exitCode, stdout, stderr } = await runCli([...args, '--config', path]);
    expect({ args, exitCode, stdout }).toEqual({ args, exitCode: 2, stdout: '' });
    expect(stderr).toContain(`${path}:2:3: `);
  }
});

test('verify proves the store of the settings if no path is given', async () => {
  const store = temporaryFolder();
  const { exitCode, stdout } = await runCli(['verify', '--config', settingsFile({ store })]);
  expect(exitCode).toBe(1);
  expect(stdout).toContain(store);
});

test('every command with options reads them in the one place', async () => {
  const folder = join(import.meta.dirname, '..', '..', 'scripts', 'cli', 'commands');
  const files = (await readdir(folder)).filter((name) => name !== 'command.ts');
  const texts = await Promise.all(files.map(async (name) => await readFile(join(folder, name), 'utf8')));
  const code = texts.join('\n');
  for (const name of Object.keys(COMMANDS)) {
    expect(code).toMatch(new RegExp(`\\bcommand\\(\\w+, '${name}'\\)`));
    expect(code).toContain(`settingsFrom('${name}', flags)`);
  }
  const others = [...code.matchAll(/\bprogram\s*\.command\('([\w-]+)'\)/g)].map(([, name]) => name);
  expect(others.sort()).toEqual(['bundle', 'config', 'inspect', 'rebuild']);
});
