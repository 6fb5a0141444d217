import { chmod, chown, mkdir, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { docker } from '../support/docker/of-this-run.ts';
import { describeWithImage, mirrorImage } from '../support/kit/image.ts';
import { describeAsRoot } from '../support/machine/other-user.ts';
import { runCli } from '../support/mirror/cli.ts';
import { describeMirror, offered, startMirror } from '../support/mirror/cycle.ts';
import { freePort } from '../support/web/ports.ts';

/** The hardest that anybody asks for: no rights, a user that nobody knows, and nothing to write to but a volume and 16 MB. */
const CONFINED = [
  ...['--read-only', '--cap-drop=ALL', '--security-opt=no-new-privileges', '--user=54321'],
  '--tmpfs=/tmp:size=16m',
];
const ALONE = [...CONFINED, '--network=none'];
const NOBODY = ['--env=CLAMAV_MIRROR_UPSTREAM=http://127.0.0.1:9', '--env=CLAMAV_MIRROR_DATABASES=test'];

/** A busy machine takes its time to start a container. */
const SOON = { timeout: 120_000 };

/** Starts a container, which goes with the test. Returns its ID. */
async function start(...args: readonly string[]): Promise<string> {
  const id = await docker('run', '--detach', ...args);
  onTestFinished(async () => void (await docker('rm', '--force', '--volumes', id)));
  return id;
}

/** The exit code of a command of the mirror. */
async function exitCodeOf(...args: readonly string[]): Promise<number> {
  return Number(await docker('wait', await start(...args)));
}

/** The status of a page on the admin address, or of the mirror, as a process in the container sees it. */
async function statusOf(id: string, path: string, port = 8081): Promise<number> {
  const script = `fetch('http://127.0.0.1:${port}${path}').then((answer) => console.log(answer.status), () => console.log(0))`;
  return Number(await docker('exec', id, 'node', '--eval', script));
}

const health = async (id: string) =>
  await docker('exec', id, 'node', '/opt/clamav-mirror/site/image/health.js').then(
    () => 'alive',
    () => 'dead',
  );

/** A folder that any user may enter, and that goes with the test. */
async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'image-'));
  onTestFinished(async () => await rm(folder, { recursive: true, force: true }));
  await chmod(folder, 0o755);
  return folder;
}

describeWithImage('the image', () => {
  test('is small, and starts as a user without a name, under an init', async () => {
    const [{ Size, Config }] = JSON.parse(await docker('image', 'inspect', mirrorImage()));
    expect(Size).toBeLessThan(450e6);
    expect(Config).toMatchObject({
      User: '10001:0',
      Entrypoint: ['/usr/bin/tini', '-s', '--', 'clamav-mirror'],
      Cmd: ['run'],
      Volumes: { '/var/lib/clamav-mirror': {} },
      Healthcheck: { Test: ['CMD', 'node', '/opt/clamav-mirror/site/image/health.js'] },
    });
  });

  test('has no program that makes its caller another user, no code that a user may change, no leftovers', async () => {
    const find = async (...args: readonly string[]) => {
      const inside = ['--user=0', '--network=none', '--entrypoint=find', mirrorImage()];
      return (await docker('run', '--rm', ...inside, ...args)).split('\n').filter((line) => line !== '');
    };
    expect(await find('/', '-xdev', '-type', 'f', '-perm', '/6000')).toEqual([]);
    expect(await find('/opt', '/usr', '-xdev', '-not', '-type', 'l', '-perm', '/0022')).toEqual([]);
    expect(await find('/opt/clamav-mirror', '-not', '-perm', '-0444')).toEqual([]);
    expect(await find('/var/lib/apt/lists', '/var/lib/clamav', '-type', 'f')).toEqual([]);
    expect(await find('/', '-xdev', '-name', '.npm')).toEqual([]);
    expect(
      await find('/opt/clamav-mirror', '-maxdepth', '1', '-name', '*.git*', '-o', '-name', 'test'),
    ).toEqual([]);
  });

  test('confined and without a network is alive and not ready, and ends when it is told to', async () => {
    const id = await start(...ALONE, ...NOBODY, mirrorImage());
    await expect.poll(() => statusOf(id, '/healthz'), SOON).toBe(200);
    await expect.poll(() => docker('logs', id), SOON).toContain('upstream/unreachable');
    expect(await statusOf(id, '/readyz')).toBe(503);
    expect(await statusOf(id, '/test.cvd', 8080)).toBe(404);
    expect(await health(id)).toBe('alive');
    await docker('stop', '--time=30', id);
    expect(await docker('inspect', '--format={{.State.ExitCode}}', id)).toBe('0');
  });

  test('has a health check that fails where nothing listens, and follows the address of the admin', async () => {
    const id = await start(...ALONE, '--env=CLAMAV_MIRROR_ADMIN=off', ...NOBODY, mirrorImage());
    await expect.poll(() => statusOf(id, '/', 8080), SOON).toBe(404);
    expect(await health(id)).toBe('dead');
    const other = await start(...ALONE, '--env=CLAMAV_MIRROR_ADMIN=127.0.0.2:9000', ...NOBODY, mirrorImage());
    await expect.poll(() => health(other), SOON).toBe('alive');
  });

  test('confined and without a network tells by its exit code how a command ended', async () => {
    expect(await exitCodeOf(...ALONE, ...NOBODY, mirrorImage(), 'sync', '--bogus')).toBe(2);
    expect(await exitCodeOf(...ALONE, ...NOBODY, mirrorImage(), 'sync')).toBe(1);
    expect(await exitCodeOf(...ALONE, ...NOBODY, mirrorImage(), 'status')).toBe(1);
    expect(await exitCodeOf(...ALONE, mirrorImage(), '--version')).toBe(0);
  });

  test('leaves no zombie of an orphan behind', async () => {
    const id = await start(...ALONE, ...NOBODY, mirrorImage());
    await docker('exec', id, 'sh', '-c', 'sh -c "sleep 0.2 & exec true"');
    const others = async () => {
      const script = 'for s in /proc/[0-9]*/stat; do read -r line < $s && echo "$line"; done';
      const lines = (await docker('exec', id, 'sh', '-c', script)).split('\n');
      return lines.filter((line) => line.includes('(sleep)'));
    };
    await expect.poll(others, SOON).toEqual([]);
  });

  describeAsRoot('on a volume of the machine', () => {
    const AT = '/var/lib/clamav-mirror';

    test('that all may write to starts only if it is an emptyDir of its pod', async () => {
      const folder = await temporaryFolder();
      const shared = join(folder, 'shared');
      const emptyDir = join(folder, 'pods/0f3a-11/volumes/kubernetes.io~empty-dir/mirror');
      for (const path of [shared, emptyDir]) {
        await mkdir(path, { recursive: true });
        await chmod(path, 0o777);
      }
      const refused = await exitCodeOf(...ALONE, ...NOBODY, `--volume=${shared}:${AT}`, mirrorImage());
      expect(refused).toBe(2);
      const id = await start(...ALONE, ...NOBODY, `--volume=${emptyDir}:${AT}`, mirrorImage());
      await expect.poll(() => statusOf(id, '/healthz'), SOON).toBe(200);
      expect((await stat(join(emptyDir, 'work'))).mode & 0o7777).toBe(0o700);
      expect((await stat(join(emptyDir, 'work'))).uid).toBe(54_321);
    });

    describeMirror('with a mirror', () => {
      test('takes a bundle without a network, serves what it brings, and stays ready when a cycle fails', async () => {
        await using mirror = await startMirror();
        await mirror.sync();
        const folder = await temporaryFolder();
        const bundle = join(folder, 'bundle.tar');
        const places = ['--store', mirror.store, '--work', mirror.work];
        expect((await runCli(['bundle', 'export', ...places, '--to', bundle])).exitCode).toBe(0);
        await chmod(bundle, 0o644);
        await mkdir(join(folder, 'mirror'));
        await chown(join(folder, 'mirror'), 54_321, 0);
        const volumes = [`--volume=${join(folder, 'mirror')}:${AT}`, `--volume=${bundle}:/bundle.tar:ro`];
        const command = ['bundle', 'import', '/bundle.tar'];
        expect(await exitCodeOf(...ALONE, ...volumes, mirrorImage(), ...command)).toBe(0);
        expect(await exitCodeOf(...ALONE, ...volumes, mirrorImage(), 'bundle', 'import', '/etc/passwd')).toBe(
          3,
        );

        const id = await start(...ALONE, ...NOBODY, ...volumes, mirrorImage());
        await expect.poll(() => docker('logs', id), SOON).toContain('upstream/unreachable');
        expect(await statusOf(id, '/readyz')).toBe(200);
        const script =
          "fetch('http://127.0.0.1:8080/test.cvd').then(async (answer) => process.stdout.write(Buffer.from(await answer.arrayBuffer()).toString('hex')))";
        const served = await docker('exec', id, 'node', '--eval', script);
        expect(served).toBe((await readFile(join(mirror.store, 'test.cvd'))).toString('hex'));
      });

      test('publishes what upstream offers, then what is newer when it is asked to look', async () => {
        await using mirror = await startMirror(1);
        const [port, admin] = [await freePort(), await freePort()];
        const environment = {
          ...{ UPSTREAM: mirror.upstream.url, DATABASES: 'test', PORT: port },
          ...{ ADDRESS: '127.0.0.1', ADMIN: `127.0.0.1:${admin}` },
        };
        const settings = Object.entries(environment).map(
          ([name, value]) => `--env=CLAMAV_MIRROR_${name}=${value}`,
        );
        await start(...CONFINED, '--network=host', '--name', `kit-${port}`, ...settings, mirrorImage());
        const served = async () => {
          const answer = await fetch(`http://127.0.0.1:${port}/test.cvd`).catch(() => undefined);
          return answer?.status === 200 ? (await answer.text()).split(':')[2] : undefined;
        };
        await expect.poll(served, SOON).toBe('1');
        for (const [name, bytes] of offered(6)) mirror.upstream.set(name, bytes);
        await docker('kill', '--signal=HUP', `kit-${port}`); // tini hands it on
        await expect.poll(served, SOON).toBe('6');
        // A moment later: the manifest comes last.
        await expect
          .poll(async () => (await fetch(`http://127.0.0.1:${admin}/readyz`)).status, SOON)
          .toBe(200);
      });
    });
  });
});

describe('what the image is made of', () => {
  const root = join(import.meta.dirname, '..', '..');

  test('is what .dockerignore lets in: no test, no history, no folder of a mirror', async () => {
    const lines = (await readFile(join(root, '.dockerignore'), 'utf8'))
      .split('\n')
      .filter((line) => /^[^#]/.test(line));
    expect(lines[0]).toBe('*');
    expect(lines.slice(1).every((line) => line.startsWith('!'))).toBe(true);
  });
});
