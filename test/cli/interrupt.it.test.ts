import { spawn } from 'node:child_process';
import { globSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { fakeTools, trusting } from '../support/clamav/engines.ts';
import { isRunning } from '../support/machine/is-running.ts';
import { startCli } from '../support/mirror/cli.ts';
import { describeMirror, startMirror } from '../support/mirror/cycle.ts';

describeMirror('an interrupted sync', () => {
  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)(
    'by %s ends at once and takes the tool of ClamAV that is running with it',
    async (signal, exitCode) => {
      await using tools = await fakeTools({ freshclam: STUCK });
      await using mirror = await startMirror();
      await using command = startCli(['sync', ...mirror.flags()], tools.path);
      const pid = await pidIn(tools.folder);
      expect((await command.end(signal)).exitCode).toBe(exitCode);
      await vi.waitUntil(() => !isRunning(pid), { timeout: 10_000 });
    },
  );

  test('by SIGKILL leaves its tool to the next one, which ends that, and nothing else that stands there', async () => {
    await using tools = await fakeTools({ freshclam: STUCK });
    await using mirror = await startMirror();
    await using command = startCli(['sync', ...mirror.flags()], tools.path);
    const pid = await pidIn(tools.folder);
    const [cwd] = globSync('run/clients-*', { cwd: mirror.work });
    const shell = spawn('sleep', ['600'], { cwd: join(mirror.work, cwd ?? '') });
    onTestFinished(() => void shell.kill());
    await command.end('SIGKILL');
    expect(isRunning(pid)).toBe(true);
    expect((await mirror.sync({ openProver: async () => trusting })).outcome).toBe('published');
    await vi.waitUntil(() => !isRunning(pid), { timeout: 10_000 });
    expect(shell.exitCode ?? shell.signalCode).toBeNull();
  });
});

const STUCK = 'echo $$ >"$HERE/pid"; while :; do sleep 1; done';

async function pidIn(folder: string): Promise<number> {
  const read = async () => Number(await readFile(join(folder, 'pid'), 'utf8').catch(() => ''));
  return await vi.waitUntil(read, { timeout: 30_000 });
}
