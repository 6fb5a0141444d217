import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startHost } from '../../scripts/host/host.ts';
import { trusting } from '../support/clamav/engines.ts';
import { runCli } from '../support/mirror/cli.ts';
import { describeMirror, offer, startMirror } from '../support/mirror/cycle.ts';

const quick = { openProver: async () => trusting };

describeMirror('changes and when', () => {
  test('say what came and went, in a folder and at a URL', async () => {
    await using mirror = await startMirror(3);
    await mirror.sync(quick);
    offer(mirror, 6);
    await mirror.sync(quick);
    await using host = await startHost({ folder: mirror.store });
    const expected = {
      name: 'Win.Worm.Sobig-1',
      served: true,
      events: [{ to: 5, change: 'added', file: 'test.ndb' }],
    };
    for (const where of [['--store', mirror.store], [host.url]]) {
      const found = await runCli(['when', 'Win.Worm.Sobig-1.UNOFFICIAL', ...where, '--json']);
      expect(found).toMatchObject({ exitCode: 0, stderr: '' });
      expect(found.json()).toMatchObject(expected);
      const listed = await runCli(['changes', ...where, '--grep', 'WORM']);
      expect(listed.exitCode).toBe(0);
      expect(listed.stdout.match(/Win\.Worm\.\w+/g)).toEqual([
        'Win.Worm.Mydoom',
        'Win.Worm.Sobig',
        'Win.Worm.Klez',
      ]);
      const from = await runCli(['changes', ...where, '--database', 'test', '--from', '5', '--json']);
      expect(from.json()).toMatchObject({
        databases: { test: { served: 6, versions: [{ from: 5, to: 6, added: 1 }] } },
      });
    }
  });

  test('say so of what they do not know, and search for it', async () => {
    await using mirror = await startMirror(6);
    await mirror.sync({ ...quick, flags: { cdiffs: '1' } });
    const name = 'Win.Worm.Mydoom-9802011-0';
    const unknown = await runCli(['when', name, '--store', mirror.store]);
    expect(unknown.exitCode).toBe(1);
    expect(unknown.stdout).toContain('--search');
    const searched = await runCli(['when', name, '--store', mirror.store, '--search', '--json']);
    expect(searched.exitCode).toBe(0);
    expect(searched.json()).toMatchObject({
      served: true,
      searched: [{ database: 'test', version: 6, file: 'test.ldb' }],
    });
    const none = await runCli(['when', 'Win.None-1', '--store', mirror.store, '--search', '--json']);
    expect({ exitCode: none.exitCode, ...(none.json() as object) }).toMatchObject({
      exitCode: 1,
      served: false,
    });
  });

  test('are wrong usage where they cannot be answered', async () => {
    await using mirror = await startMirror(6);
    expect((await runCli(['when', 'Win.A', '--store', mirror.store])).exitCode).toBe(1); // nothing is there
    await mirror.sync(quick);
    const exitOf = async (...args: string[]) => (await runCli(args)).exitCode;
    expect(await exitOf('when', 'Win.A', 'https://mirror.invalid', '--search')).toBe(2);
    expect(await exitOf('when', ' ', '--store', mirror.store)).toBe(2);
    expect(await exitOf('changes', '--store', mirror.store, '--database', 'main')).toBe(1);
    expect(await exitOf('changes', '--store', mirror.store, '--from', 'x')).toBe(2);
  });

  test('print no escape that a list or an argument brings', async () => {
    await using mirror = await startMirror(6);
    await mirror.sync(quick);
    const said = await runCli(['when', 'Win.\x1b[2JA', '--store', mirror.store]);
    await writeFile(join(mirror.store, 'changes', 'test-6.json'), '{"generator": "\x1b[2J"}');
    const listed = await runCli(['changes', '--store', mirror.store, '--from', '1']);
    expect(said.stdout + said.stderr + listed.stdout + listed.stderr).not.toContain('\x1b');
  });
});
