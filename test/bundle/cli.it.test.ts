import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { trusting } from '../support/clamav/engines.ts';
import { runCli } from '../support/mirror/cli.ts';
import { describeMirror, faults, startMirror } from '../support/mirror/cycle.ts';
import { otherSide } from './support.ts';

/** A network of its own, with loopback alone: what runs there reaches nobody. */
const ALONE = ['unshare', '--net', 'sh', '-c', 'ip link set lo up && exec "$@"', 'sh'];

function canBeAlone(): boolean {
  const [program = '', ...rest] = ALONE;
  try {
    execFileSync(program, [...rest, 'true'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

describeMirror('clamav-mirror bundle', () => {
  test.skipIf(!canBeAlone())('imports in a network of its own, with real ClamAV', async () => {
    await using mirror = await startMirror(2);
    await using there = await otherSide();
    await mirror.sync({ openProver: async () => trusting });
    const to = join(mirror.folder, 'all.tar');
    const store = ['--store', mirror.store];
    const exported = await runCli(['bundle', 'export', ...store, '--to', to, '--json']);
    expect(exported).toMatchObject({ exitCode: 0 });
    expect(exported.json()).toMatchObject({ number: 1, databases: { test: { from: null, to: 2 } } });
    const args = ['bundle', 'import', to, '--store', there.store];
    const run = await runCli(args, { wrapper: ALONE });
    expect(run).toMatchObject({ exitCode: 0 });
    expect(run.stderr).toContain('test: version none → 2');
    expect(await faults(there.store)).toEqual([]);
    const again = await runCli(args, { wrapper: ALONE });
    expect(again).toMatchObject({ exitCode: 0 });
    expect(again.stderr).toContain('has already');
  });

  test('says what is wrong by its exit code', async () => {
    await using mirror = await startMirror(1);
    const to = join(mirror.folder, 'all.tar');
    expect(await runCli(['bundle', 'export', '--store', mirror.store, '--to', to])).toMatchObject({
      exitCode: 1,
    });
    expect(await runCli(['bundle', 'export', '--store', mirror.store])).toMatchObject({ exitCode: 2 });
    const readme = join(import.meta.dirname, '..', '..', 'README.md');
    const run = await runCli(['bundle', 'import', readme, '--store', join(mirror.folder, 'there')]);
    expect(run).toMatchObject({ exitCode: 3 });
    expect(run.stderr).toContain('no bundle of clamav-mirror');
  });
});
