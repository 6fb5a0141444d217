import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { codeOf } from '../../scripts/base/errors.ts';
import { fakeTools } from '../support/clamav/engines.ts';
import { startCli } from '../support/mirror/cli.ts';
import { describeMirror, startMirror } from '../support/mirror/cycle.ts';

describeMirror('an interrupted sync', () => {
  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)(
    'by %s ends at once and takes the tool of ClamAV that is running with it',
    async (signal, exitCode) => {
      await using tools = await fakeTools({ freshclam: 'echo $$ >"$HERE/pid"; while :; do sleep 1; done' });
      await using mirror = await startMirror();
      await using command = startCli(['sync', ...mirror.flags()], tools.path);
      const pid = await vi.waitUntil(
        async () => Number(await readFile(join(tools.folder, 'pid'), 'utf8').catch(() => '')),
        {
          timeout: 30_000,
        },
      );
      expect((await command.end(signal)).exitCode).toBe(exitCode);
      await vi.waitUntil(() => !isRunning(pid), { timeout: 10_000 });
    },
  );
});

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    if (codeOf(error) === 'ESRCH') return false;
    throw error;
  }
}
