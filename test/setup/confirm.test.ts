import { expect, test } from 'vitest';
import { shell } from '../../scripts/setup/shell.ts';

const $ = shell({ environment: {} });
const asking = `const { confirm } = await import('${new URL('../../scripts/setup/confirm.ts', import.meta.url).href}');
  process.exit((await confirm('Go?')) ? 7 : 8);`;
const node = [process.execPath, '--input-type=module', '-e', asking];

test.each([
  ['y', 7],
  ['YES', 7],
  ['', 8],
  ['yesterday', 8],
])('the answer "%s" to a question ends with %d: 7 is yes', async (answer, exitCode) => {
  expect(await $({ nothrow: true })`echo ${answer} | ${node}`).toMatchObject({ exitCode });
});

test('nobody who could answer means no', async () => {
  expect(await $({ nothrow: true })`${node}`).toMatchObject({ exitCode: 8 });
});
