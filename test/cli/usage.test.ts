import { expect, test } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };
import { runCli } from '../support/mirror/cli.ts';

const HELP: Readonly<Record<string, readonly string[]>> = {
  sync: [
    '--upstream',
    '--databases',
    '--store',
    '--work',
    '--dns',
    '--nameservers',
    '--cdiffs',
    '--max-size',
    '--json',
  ],
  doctor: ['--upstream', '--store', '--engines', '--dns', '--public-url', '--json', 'Exit codes', 'Example'],
  'client-config': [
    '--for',
    '--into',
    '--offline',
    '--dns',
    '--fips',
    '--client-proxy',
    '--json',
    'Exit codes',
    'Example',
  ],
  changes: ['--database', '--from', '--to', '--grep', '--store', '--json', 'Exit codes', 'Example'],
  when: ['--database', '--search', '--store', '--json', '.UNOFFICIAL', 'Exit codes', 'Example'],
  serve: ['--store', '--address', '--port', '--json'],
  run: [
    '--every',
    '--admin',
    '--socket',
    '--upstream',
    '--port',
    '--json',
    '/readyz',
    'Exit codes',
    'Example',
  ],
  verify: ['--database', '--json', 'Exit codes', 'Example'],
  rebuild: ['--from', '--cdiff', '--header', '--output', 'Exit codes', 'Example'],
  config: ['--config', '--json', '/etc/clamav-mirror.json', 'Exit codes', 'Example'],
  inspect: ['--json', 'Example'],
};

test.concurrent.each(Object.keys(HELP))('%s --help teaches the command', async (command) => {
  const { exitCode, stdout, stderr } = await runCli([command, '--help']);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  for (const word of HELP[command] ?? []) expect(stdout).toContain(word);
  expect(stdout.split('\n').filter((line) => line.length > 120)).toEqual([]);
});

test.concurrent('sync --help says what every exit code means', async () => {
  const { stdout } = await runCli(['sync', '--help']);
  expect(stdout).toMatch(/Exit codes:\n {2}0 .*\n {2}1 .*\n {2}2 .*\n {2}3 .*\n/);
});

test.concurrent('--help names every command, and how clients are set up', async () => {
  const { exitCode, stdout } = await runCli(['--help']);
  expect(exitCode).toBe(0);
  for (const word of [...Object.keys(HELP), 'DatabaseMirror']) expect(stdout).toContain(word);
});

test.concurrent('--version is that of the package', async () => {
  expect(await runCli(['--version'])).toMatchObject({ exitCode: 0, stdout: `${packageJson.version}\n` });
});

const WRONG: readonly (readonly string[])[] = [
  [],
  ['synch'],
  ['sync', '--bogus'],
  ['doctor', '--engines', 'nothing'],
  ['sync', 'something'],
  ['sync', '--store'],
  ['sync', '--upstream', 'ftp://mirror.example'],
  ['sync', '--databases', '../daily'],
  ['serve', '--port', '65536'],
  ['run', '--every', '1'],
  ['run', '--resync'],
  ['verify', '--database', '../daily', '.'],
  ['client-config', 'http://mirror.example'],
  ['client-config', 'http://mirror.example', '--for', 'beos'],
  ['rebuild'],
  ['inspect'],
];

test.concurrent.each(WRONG)(
  'wrong usage exits with 2 and says why on stderr alone: %s %s %s',
  async (...args) => {
    const { exitCode, stdout, stderr } = await runCli(args);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).not.toMatch(/^\s+at /m); // no stack
    expect(stderr.trim()).not.toBe('');
  },
);

test.concurrent('a variable is checked as its flag is, and named', async () => {
  const run = await runCli(['sync', '--json'], { environment: { CLAMAV_MIRROR_CDIFFS: 'all' } });
  expect(run).toMatchObject({ exitCode: 2, stdout: '' });
  expect(run.stderr).toContain('CLAMAV_MIRROR_CDIFFS');
});
