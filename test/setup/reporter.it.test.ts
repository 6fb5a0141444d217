import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';

const root = resolve(import.meta.dirname, '..', '..');

/** Runs vitest with our reporter on test files in a folder of their own. Returns what it prints, and its exit code. */
function runVitest(files: Readonly<Record<string, string>>): { lines: string[]; status: number | null } {
  const folder = mkdtempSync(join(tmpdir(), 'reporter-'));
  try {
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    const reporters = [
      '--reporter=default',
      `--reporter=${join(root, 'test', 'support', 'setup', 'reporter.ts')}`,
    ];
    const args = [join(root, 'node_modules', 'vitest', 'vitest.mjs'), 'run', '--root', folder, '--globals'];
    const { stdout, status } = spawnSync(process.execPath, [...args, ...reporters], { encoding: 'utf8' });
    return { lines: stdout.trimEnd().split('\n'), status };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

test('the last line counts the tests, the lines before it those that real parts were missing for', () => {
  const { lines, status } = runVitest({
    'a.test.js': `
      test('one', () => {});
      test('two', () => {});
      test.skip('on purpose', () => {});
      test('not here', ({ skip }) => skip('nobody is root'));
      describe('missing', { skip: true, meta: { missing: 'no ClamAV (why)' } }, () => {
        test('three', () => {});
        describe('inside', () => { test('four', () => {}); });
      });
      describe('missing too', { skip: true, meta: { missing: 'no archive' } }, () => { test('five', () => {}); });`,
    'b.test.js': `test('six', () => { throw new Error('no'); });`,
  });
  expect(lines.slice(-4)).toEqual([
    'SKIPPED for want of real parts: 1 test: nobody is root',
    'SKIPPED for want of real parts: 2 tests: no ClamAV (why)',
    'SKIPPED for want of real parts: 1 test: no archive',
    '2 passed, 1 failed, 5 skipped',
  ]);
  expect(status).toBe(1);
});

test('without failures and skips the last line says so', () => {
  const { lines, status } = runVitest({ 'a.test.js': `test('one', () => {});` });
  expect(lines.at(-1)).toBe('1 passed, 0 failed');
  expect(status).toBe(0);
});

test.each([
  ['a file that cannot be loaded', `throw new Error('no');`, 0],
  [
    'a failing hook',
    `describe('x', () => { afterAll(() => { throw new Error('no'); }); test('one', () => {}); });`,
    1,
  ],
  [
    'an error outside of any test',
    `test('one', async () => { setTimeout(() => { throw new Error('no'); }); await new Promise((go) => setTimeout(go, 50)); });`,
    1,
  ],
])('%s counts as a failed test', (_, text, passed) => {
  const { lines, status } = runVitest({ 'a.test.js': text });
  expect(lines.at(-1)).toBe(`${passed} passed, 1 failed`);
  expect(status).toBe(1);
});
