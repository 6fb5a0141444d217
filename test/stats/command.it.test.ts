import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../store/support.ts';
import { runCli } from '../support/mirror/cli.ts';
import { agentOf, line } from './support.ts';

async function logWith(name: string, bytes: string | Uint8Array): Promise<string> {
  const path = join(temporaryFolder(), name);
  await writeFile(path, bytes);
  return path;
}

const LINES = `${[line(), line({ agent: agentOf(2) }), 'broken'].join('\n')}\n`;

test('reads a file, and tells people in a few lines', async () => {
  const path = await logWith('access.log', LINES);
  const { exitCode, stdout, stderr } = await runCli(['stats', path]);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  expect(stdout).toContain('2 clients, 2 requests, 1.0 KB sent');
  expect(stdout).toContain(`${path}, line 3 (form): broken`);
  expect(stdout).not.toContain('192.0.2.7');
});

test.each([
  ['plain', LINES],
  ['packed', gzipSync(LINES)],
])('reads stdin, %s', async (_, bytes) => {
  const path = await logWith('access.log', bytes);
  const { exitCode, json } = await runCli(['stats', '-', '--json'], {
    wrapper: ['sh', '-c', 'cat "$0" | "$@"', path],
  });
  expect(exitCode).toBe(0);
  expect(json()).toMatchObject({ clients: 2, logs: [{ log: '-', requests: 2, broken: 1 }] });
});

test('asks the history of a store, which may have none', async () => {
  const path = await logWith('access.log', LINES);
  const none = await runCli(['stats', path, '--store', join(temporaryFolder(), 'none'), '--json']);
  expect(none).toMatchObject({ exitCode: 0 });
});

test('exits with 1 if a log cannot be read to its end, and with 2 for wrong usage', async () => {
  const packed = gzipSync(LINES);
  const cut = await logWith('access.log.gz', packed.subarray(0, packed.length - 9));
  const { exitCode, stderr } = await runCli(['stats', cut, '--json']);
  expect({ exitCode, stderr }).toMatchObject({ exitCode: 1, stderr: expect.stringContaining(cut) });
  expect((await runCli(['stats', join(temporaryFolder(), 'none.log')])).exitCode).toBe(1);
  for (const wrong of [
    ['--days', '3', '--since', '2026-11-01'],
    ['--format', 'iis'],
    ['--monitors', 'x'],
    ['--since', 'x'],
  ])
    expect((await runCli(['stats', cut, ...wrong])).exitCode, wrong.join(' ')).toBe(2);
  expect((await runCli(['stats'])).exitCode).toBe(2);
});
