import { spawnSync } from 'node:child_process';
import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { runCli, startCli } from '../support/mirror/cli.ts';
import {
  describeMirror,
  startMirror,
  startPublished,
  type TestMirror,
  untouched,
} from '../support/mirror/cycle.ts';
import { official } from '../support/setup/official.ts';

/** In the place of a file; whoever opens it in the usual way waits for ever. */
async function pipeAt(path: string): Promise<string> {
  await rm(path, { force: true });
  spawnSync('mkfifo', [path]);
  return path;
}

describeMirror('a pipe in the place of a file', () => {
  let mirror: TestMirror;
  let folder: string;
  beforeEach(async () => {
    mirror = await startPublished(5, 6);
    folder = await mkdtemp(join(tmpdir(), 'pipes-'));
  });
  afterEach(async () => {
    await mirror[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  });

  const ending = async (args: readonly string[]) => {
    const { exitCode, signal, stdout, stderr } = await runCli(args);
    return { exitCode, signal, said: stdout + stderr };
  };
  const failed = { exitCode: 1, signal: null, said: expect.stringMatching(/is a pipe, not a file/) };

  test.each(['status', 'verify', 'sync'])('called manifest.json ends %s at once', async (command) => {
    await pipeAt(join(mirror.store, 'manifest.json'));
    const args = { status: ['--store', mirror.store], verify: [mirror.store], sync: mirror.flags() }[command];
    expect(await ending([command, ...(args ?? [])])).toMatchObject(failed);
  });

  test('called like a database is unreadable to verify, and sync brings the database again', async () => {
    await pipeAt(join(mirror.store, 'test.cvd'));
    expect(await ending(['verify', mirror.store])).toMatchObject({ signal: null, exitCode: 3 });
    expect(await mirror.syncCli()).toMatchObject({ exitCode: 0 });
    expect(await ending(['verify', mirror.store])).toMatchObject({ exitCode: 0 });
  });

  test.each(['test.cvd', 'test.cld', 'test-6.cdiff', 'test-6.cvd.sign'])(
    'called %s ends verify and inspect at once',
    async (name) => {
      if (name.endsWith('.sign')) await copyFile(official('test-6.cvd'), join(folder, 'test.cvd'));
      const path = await pipeAt(join(folder, name));
      expect(await ending(['verify', path])).toMatchObject(failed);
      expect(await ending(['inspect', path])).toMatchObject(failed);
    },
  );

  test.each(['from', 'cdiff', 'header'])('given to rebuild as --%s ends it at once', async (flag) => {
    const given = {
      from: official('test-5.cvd'),
      cdiff: official('test-6.cdiff'),
      header: official('test-6.cvd'),
      [flag]: await pipeAt(join(folder, 'pipe')),
    };
    const args = Object.entries(given).flatMap(([name, value]) => [`--${name}`, value]);
    expect(await ending(['rebuild', ...args, '--output', join(folder, 'new.cvd')])).toMatchObject(failed);
  });

  test.each(['--clean-samples', '--infected-samples'])('among %s ends sync at once', async (flag) => {
    const list = await pipeAt(join(folder, 'list'));
    const { exitCode, signal } = await untouched(mirror, () => mirror.syncCli([flag, list]));
    expect({ exitCode, signal }).toEqual({ exitCode: 1, signal: null });
  });

  test('called state.json is replaced', async () => {
    await pipeAt(join(mirror.work, 'state.json'));
    expect(await mirror.syncCli()).toMatchObject({ exitCode: 0 });
  });
});

describeMirror('SIGTERM', () => {
  test('ends a sync that waits for upstream', async () => {
    await using mirror = await startMirror();
    mirror.upstream.fail('test.cvd', { stallAfter: 'head' });
    await using command = startCli(['sync', ...mirror.flags()]);
    await expect.poll(() => mirror.upstream.requests.length, { timeout: 30_000 }).toBeGreaterThan(0);
    expect((await command.end('SIGTERM')).exitCode).toBe(143);
  });
});
