import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { expect, test } from 'vitest';
import { CACHE, CLI } from '../support/mirror/cli.ts';
import { startPublished } from '../support/mirror/cycle.ts';
import { describeWithOfficial, official } from '../support/setup/official.ts';
import { freePort } from '../support/web/ports.ts';

type Sink = 'pipe' | 'full';
const FULL = '/dev/full';

/** Starts the command line; `full` is a disk without room. */
function start(
  args: readonly string[],
  stdout: Sink,
  stderr: Sink,
  environment: Record<string, string> = {},
) {
  const sink = (kind: Sink) => (kind === 'full' ? openSync(FULL, 'w') : kind);
  return spawn(process.execPath, [CLI, ...args], {
    env: { PATH: process.env.PATH ?? '', ...CACHE, ...environment },
    stdio: ['ignore', sink(stdout), sink(stderr)],
  });
}

async function ended(child: ChildProcess): Promise<{ exitCode: number | null; said: string }> {
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
  await once(child, 'close');
  return { exitCode: child.exitCode, said };
}

describeWithOfficial('a command whose reader is gone', () => {
  test.concurrent.each([
    ['--help', 0, () => ['--help']],
    ['sync --help', 0, () => ['sync', '--help']],
    ['inspect', 0, () => ['inspect', official('test-6.cvd')]],
    ['verify --json', 0, () => ['verify', '--json', official('test-6.cvd')]],
    ['verify of a file that is not there', 1, () => ['verify', official('none.cvd')]],
    ['status', 1, () => ['status', '--store', '/nowhere/at/all']],
    ['wrong usage', 2, () => ['bogus']],
  ] as const)('ends quietly, and with its own exit code: %s', async (_, exitCode, args) => {
    const child = start(args(), 'pipe', 'pipe');
    child.stdout?.destroy();
    if (exitCode !== 0) child.stderr?.destroy();
    const { exitCode: code, said } = await ended(child);
    expect({ code, said }).toEqual({ code: exitCode, said: '' });
  });

  test('says that a full disk did not take its results', async () => {
    const { exitCode, said } = await ended(start(['inspect', official('test-6.cvd')], 'full', 'pipe'));
    expect(exitCode).toBe(0);
    expect(said).toMatch(/^warning: not all of the output could be written: ENOSPC.*\n$/);
  });
});

describeWithOfficial('a run whose log cannot be written', () => {
  test.each(['full', 'pipe'] as const)('does its work, and exits with 0: %s', async (sink) => {
    await using mirror = await startPublished(6, 6);
    const child = start(['sync', ...mirror.flags()], 'pipe', sink);
    child.stderr?.destroy();
    expect(await ended(child)).toEqual({ exitCode: 0, said: '' });
  });

  test.each(['full', 'pipe'] as const)('exits as it would if it fails: %s', async (sink) => {
    await using mirror = await startPublished(6, 6);
    mirror.upstream.fail('*', { status: 503 });
    const child = start(['sync', ...mirror.flags(), '--json'], 'pipe', sink);
    child.stderr?.destroy();
    const { exitCode, said } = await ended(child);
    expect(exitCode).toBe(1);
    expect(JSON.parse(said)).toMatchObject({ outcome: 'failed' });
  });
});

describeWithOfficial('a host', () => {
  test('outlives a full disk under its log', async () => {
    await using mirror = await startPublished(6, 6);
    const port = await freePort();
    const child = start(['serve', '--store', mirror.store, '--port', String(port)], 'full', 'pipe');
    const said = String((await once(child.stderr ?? child, 'data'))[0]);
    expect(said).toContain('ENOSPC'); // its first line, when it listens
    await ask(`http://127.0.0.1:${port}`, 40);
    child.kill('SIGTERM');
    await once(child, 'close');
    expect(child.exitCode).toBe(0);
  });

  async function serveWith(stdout: Sink, args: readonly string[] = []) {
    const mirror = await startPublished(6, 6);
    const child = start(['serve', '--store', mirror.store, '--port', '0', ...args], stdout, 'pipe');
    return { mirror, child };
  }
  const ask = async (url: string, count: number) => {
    for (let n = 0; n < count; n++) {
      const headers = { range: 'bytes=0-511', 'user-agent': 'x'.repeat(8000) };
      const answer = await fetch(`${url}/test.cvd`, { headers });
      expect([answer.status, (await answer.arrayBuffer()).byteLength]).toEqual([206, 512]);
    }
  };

  test('outlives the reader of its log', async () => {
    const { mirror, child } = await serveWith('pipe', ['--json']);
    await using _ = mirror;
    if (child.stdout === null) throw new Error('it has a pipe');
    const [line] = await once(createInterface(child.stdout), 'line');
    child.stdout.destroy();
    child.stderr?.destroy();
    const { url } = JSON.parse(line);
    await ask(url, 20); // more than a log keeps to itself before it writes
    await ask(url, 20);
    child.kill('SIGTERM');
    await once(child, 'close');
    expect(child.exitCode).toBe(0);
  });
});
