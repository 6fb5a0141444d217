import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { optionsByName } from '../../scripts/settings/commands/commands.ts';
import { action, startCaller } from './support.ts';

test('a settings file that an input names counts less than the other inputs', async () => {
  await using caller = await startCaller();
  const path = join(caller.folder, 'ours.json');
  const work = join(caller.folder, 'data');
  /** Runs a cycle whose store lies in its work folder: the error names both. */
  const sync = async (inputs: Readonly<Record<string, string>>) =>
    await caller.call({ command: 'sync', config: 'ours.json', ...inputs });
  await writeFile(path, JSON.stringify({ store: 'data/file', work: 'data' }));
  expect(await sync({})).toMatchObject({ exitCode: 2, told: expect.stringContaining(join(work, 'file')) });
  expect((await sync({ store: './data/input' })).told).toContain(join(work, 'input'));
  await writeFile(path, JSON.stringify({ store: 'data/file', sync: { cdiff: 5 } }));
  expect((await sync({})).told).toContain('ours.json:1:30: ');
});

test('a settings file of the checkout that no input names is not read', async () => {
  await using caller = await startCaller();
  await writeFile(join(caller.folder, 'clamav-mirror.json'), '{ "wrong": 5 }');
  const { told } = await caller.call({ command: 'rollback' });
  expect(told).toContain('the input database');
  expect(told).not.toContain('clamav-mirror.json');
});

test('action.yml has no default for what a settings file may say: it would count more', () => {
  for (const [name, input] of Object.entries(action.inputs))
    if (optionsByName().has(name)) expect({ name, default: input.default }).toEqual({ name, default: '' });
});
