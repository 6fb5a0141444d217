import { expect, test, vi } from 'vitest';
import { shell } from '../../scripts/setup/shell.ts';

const { PATH } = process.env;
const $ = shell({ environment: { PATH, GIVEN: 'given' } });

test('each value is one word to the shell, whatever is in it, and a list is a word for each of its items', async () => {
  const words = ['a b', "it's", '', '$PATH', 'A=b', '*', '-n', '`id`', 'ä\n|'];
  expect((await $`printf '%s;' ${words} ${words[1]}`).stdout.trimEnd()).toBe(
    "a b;it's;;$PATH;A=b;*;-n;`id`;ä\n|;it's;",
  );
});

test('a word that sets a variable sets none', async () => {
  await expect($`${'A=b'} true`).rejects.toMatchObject({ exitCode: 127 });
});

test('of this environment a command gets what it is given', async () => {
  vi.stubEnv('SECRET', 'secret');
  expect((await $`printf '%s' "$GIVEN/\${SECRET-}"`).stdout.trimEnd()).toBe('given/');
  vi.unstubAllEnvs();
});

test('a command that fails is an error that holds what it said', async () => {
  await expect($`echo why >&2; exit 3`).rejects.toMatchObject({ exitCode: 3, stderr: 'why\n' });
});

test('a command is ended when its time is up', async () => {
  const limited = shell({ environment: { PATH }, timeout: 100 });
  await expect(limited`exec sleep 60`).rejects.toMatchObject({ exitCode: null, signal: 'SIGTERM' });
});

test("zx's own variables change no command", async () => {
  vi.stubEnv('ZX_PREFIX', 'exit 9;');
  vi.stubEnv('ZX_SHELL', '/bin/false');
  vi.resetModules(); // zx reads them as it is loaded
  const { shell: fresh } = await import('../../scripts/setup/shell.ts');
  expect((await fresh({ environment: { PATH } })`echo here`).stdout).toBe('here\n');
  vi.unstubAllEnvs();
});
