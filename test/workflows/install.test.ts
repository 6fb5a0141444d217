import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { shell } from '../../scripts/setup/shell.ts';

const ROOT = join(import.meta.dirname, '../..');
/** The place that action.yml and the workflow start it from, below the root. */
const SCRIPT = 'scripts/action/install.sh';
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'install-'));
  for (const name of ['bin', dirname(SCRIPT)]) await mkdir(join(folder, name), { recursive: true });
  await copyFile(join(ROOT, SCRIPT), join(folder, SCRIPT));
  const npm = `#!/bin/sh\nenv > '${folder}/said'; echo "$PWD $*" >> '${folder}/said'\n`;
  await writeFile(join(folder, 'bin', 'npm'), npm, { mode: 0o755 });
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const SECRET = 'a-secret';

async function install(): Promise<string> {
  const env = {
    PATH: `${join(folder, 'bin')}:${process.env.PATH}`,
    HOME: '/a home',
    https_proxy: 'http://proxy.example',
    npm_config_registry: 'https://registry.example',
    AWS_SECRET_ACCESS_KEY: SECRET,
    ACTIONS_ID_TOKEN_REQUEST_TOKEN: SECRET,
    GITHUB_TOKEN: SECRET,
    npm_config__auth: SECRET,
    CLAMAV_MIRROR_GITHUB_TOKEN: SECRET,
  };
  await shell({ environment: env, folder: '/' })`${join(folder, SCRIPT)}`;
  return await readFile(join(folder, 'said'), 'utf8');
}

test('packages are installed where the action is, without scripts and without a secret', async () => {
  const said = await install();
  expect(said).not.toContain(SECRET);
  expect(said).toMatch(/^HOME=\/a home$/m);
  expect(said).toMatch(/^https_proxy=http:\/\/proxy\.example$/m);
  expect(said).toMatch(/^npm_config_registry=/m);
  expect(said).toContain(`${folder} ci --omit=dev --ignore-scripts`);
});

test('what is installed is not installed again', async () => {
  await mkdir(join(folder, 'node_modules'));
  await writeFile(join(folder, 'node_modules', '.package-lock.json'), '{}');
  await expect(install()).rejects.toMatchObject({ code: 'ENOENT' });
});
