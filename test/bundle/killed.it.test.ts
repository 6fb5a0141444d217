import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { changesOf, killedAt } from '../cycle/kills/killing.ts';
import { trusting } from '../support/clamav/engines.ts';
import { runCli } from '../support/mirror/cli.ts';
import { describeMirror, faults, offer, published, startMirror } from '../support/mirror/cycle.ts';
import { everyNth } from '../support/sample.ts';
import { exported, hashOf, otherSide } from './support.ts';

describeMirror('a kill at any change to a file', () => {
  test('in an export: the same bundle comes from the next one', async () => {
    await using mirror = await startMirror(1);
    await mirror.sync({ openProver: async () => trusting });
    const args = (name: string) => {
      const [to, work] = [join(mirror.folder, `${name}.tar`), join(mirror.folder, `${name}.work`)];
      return { to, work, args: ['bundle', 'export', '--store', mirror.store, '--work', work, '--to', to] };
    };
    const whole = args('whole');
    const run = await runCli(whole.args, killedAt(0));
    expect(run).toMatchObject({ exitCode: 0 });
    const all = changesOf(run).map((_, at) => at + 1);
    for (const change of everyNth(3, all)) {
      const killed = args(`killed-${change}`);
      expect((await runCli(killed.args, killedAt(change))).signal, `change ${change}`).toBe('SIGKILL');
      const isDone = (await hashOf(killed.to).catch(() => undefined)) === (await hashOf(whole.to));
      if (!isDone) await exported({ store: mirror.store, work: killed.work }, killed.to);
      expect(await hashOf(killed.to), `change ${change}`).toBe(await hashOf(whole.to));
    }
  });

  test('in an import: the old state or the new one, and the next import ends with the new one', {
    timeout: 300_000,
  }, async () => {
    await using mirror = await startMirror(1);
    await using before = await otherSide();
    const bundles = { first: join(mirror.folder, '1.tar'), second: join(mirror.folder, '2.tar') };
    await mirror.sync({ openProver: async () => trusting });
    await exported(mirror, bundles.first);
    offer(mirror, 2);
    await mirror.sync({ openProver: async () => trusting });
    await exported(mirror, bundles.second);
    await before.take([bundles.first]);
    const old = await published(before.store);
    const killed = async (change: number) => {
      const after = await otherSide();
      await cp(before.store, after.store, { recursive: true, preserveTimestamps: true });
      await cp(before.work, after.work, { recursive: true });
      const args = ['bundle', 'import', '--store', after.store, bundles.second];
      return { after, run: await runCli(args, killedAt(change)) };
    };
    const whole = await killed(0);
    await using _whole = whole.after;
    expect(whole.run).toMatchObject({ exitCode: 0 });
    const fresh = await published(whole.after.store);
    const all = changesOf(whole.run).map((_, at) => at + 1);
    for (const change of everyNth(12, all)) {
      const { after, run } = await killed(change);
      await using _after = after;
      expect(run.signal, `change ${change}`).toBe('SIGKILL');
      expect(await faults(after.store), `change ${change}`).toEqual([]);
      const found = await published(after.store);
      expect([old['test.cvd'], fresh['test.cvd']], `change ${change}`).toContain(found['test.cvd']);
      await after.take([bundles.second]);
      expect(await published(after.store), `change ${change}`).toEqual(fresh);
    }
  });
});
