import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { run } from '../../scripts/setup/programs.ts';
import { ensureImages, recipeOf } from '../support/clamav/clamav-images.ts';
import { describeWithDocker } from '../support/docker/docker.ts';
import { docker } from '../support/docker/docker-cli.ts';
import { ensureDocker } from '../support/docker/docker-engine.ts';
import { describeWith } from '../support/setup/official.ts';
import { realPart } from '../support/setup/real-part.ts';

const PATH = process.env.PATH ?? '';
const startable = await realPart('dockerd', async () => {
  if (process.geteuid?.() !== 0) throw new Error('only root can start a Docker engine');
  const { exitCode, stderr } = await run(['unshare', '--net', 'dockerd', '--version'], {
    path: PATH,
    timeout: 60_000,
  });
  if (exitCode !== 0) throw new Error(`dockerd, and a network of its own: ${stderr.trim()}`);
});

/** Programs of ours come first on the PATH. */
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'engine-test-'));
  vi.stubEnv('PATH', [folder, PATH].join(delimiter));
  vi.stubEnv('DOCKER_HOST', `unix://${folder}/socket`); // nothing answers there yet
  vi.stubEnv('TMPDIR', folder);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
});

const options = () => ({
  path: process.env.PATH ?? '',
  environment: process.env,
  ask: () => false,
  log: () => {},
});

async function program(name: string, script: string): Promise<void> {
  await writeFile(join(folder, name), `#!/bin/sh\nHERE='${folder}'\n${script}\n`);
  await chmod(join(folder, name), 0o755);
}

/**
 * The real one, apart from the one that may be running here: with places of its own, and with a network of its own, since
 * it takes down the bridge that it is not to use.
 */
async function ownDockerd(): Promise<void> {
  const places =
    '--data-root="$HERE/data" --exec-root="$HERE/exec" --pidfile="$HERE/pid" --host="$DOCKER_HOST"';
  await program(
    'dockerd',
    `exec unshare --net "$(PATH='${PATH}:/usr/sbin' command -v dockerd)" ${places} --bridge=none --iptables=false`,
  );
}

async function expectEnd(pid: number): Promise<void> {
  await vi.waitFor(() => expect(() => process.kill(pid, 0)).toThrow('ESRCH'), {
    timeout: 20_000,
    interval: 50,
  });
}

describeWithDocker('a Docker engine', () => {
  describeWith(startable)('that the tests start', () => {
    test('ends with them', async () => {
      await ownDockerd();
      const engine = await ensureDocker('a-run', options());
      const pid = Number(await readFile(join(folder, 'pid'), 'utf8'));
      expect(await docker('version', '--format={{.Server.Version}}')).toMatch(/^\d/);
      await engine.close();
      await expectEnd(pid);
    });

    test('ends with them, too, if they are killed', async () => {
      await ownDockerd();
      const module = join(import.meta.dirname, '..', 'support', 'docker', 'docker-engine.ts');
      const script = `
        import { ensureDocker } from ${JSON.stringify(module)};
        await ensureDocker('a-run', { path: process.env.PATH, ask: () => false, log: () => {} });
        console.log('ready');
        setInterval(() => {}, 1000);`;
      const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      await once(child.stdout, 'data');
      const pid = Number(await readFile(join(folder, 'pid'), 'utf8'));
      child.kill('SIGKILL');
      await expectEnd(pid);
    });

    test('goes on for another run that found it, and ends with that one', async () => {
      await ownDockerd();
      const [first, second] = [
        await ensureDocker('a-run', options()),
        await ensureDocker('another', options()),
      ];
      const pid = Number(await readFile(join(folder, 'pid'), 'utf8'));
      await first.close();
      // whoever ends it would wait for the lock in vain
      const ending = ['--exclusive', '--nonblock', join(folder, 'clamav-mirror-tests-docker.lock'), 'true'];
      expect((await run(['flock', ...ending], { path: PATH, timeout: 60_000 })).exitCode).toBe(1);
      expect(await docker('version', '--format={{.Server.Version}}')).toMatch(/^\d/);
      await second.close();
      await expectEnd(pid);
    });

    test('is started once by two runs that begin at the same time', async () => {
      await ownDockerd();
      const engines = await Promise.all(['a-run', 'another'].map((name) => ensureDocker(name, options())));
      const pid = Number(await readFile(join(folder, 'pid'), 'utf8'));
      for (const engine of engines) await engine.close();
      await expectEnd(pid);
    });

    test('and that ends at once is missing, for the reason that it gives', async () => {
      await program('dockerd', 'echo "no cgroups here" >&2; exit 1');
      await expect(ensureDocker('a-run', options())).rejects.toThrow('no cgroups here');
    });
  });
});

describe('an image', () => {
  test('that cannot be built is missing, for the reason that its builder gives', async () => {
    await program('docker', 'exit 1');
    await program('apt-get', 'echo "Debian http://127.0.0.1:9/debian/"');
    await program('mmdebstrap', 'echo "E: no such suite: $*" >&2; exit 1');
    const { oldest, older, newest } = await ensureImages(options());
    expect(oldest).toMatchObject({ missing: expect.stringContaining('E: no such suite') });
    expect(older).toMatchObject({ missing: expect.stringContaining('E: no such suite') });
    expect(newest).toMatchObject({ missing: expect.stringContaining('security') });
  });

  test('that needs an archive whose lists are missing is built from it after all', async () => {
    await program('docker', 'exit 1');
    await program(
      'apt-get',
      `case $* in
         *update) : > "$HERE/refreshed" ;;
         *) echo "Debian http://127.0.0.1:9/debian/"
            [ ! -e "$HERE/refreshed" ] || echo "Debian-Security http://127.0.0.1:9/security/" ;;
       esac`,
    );
    await program('sudo', 'shift; exec "$@"');
    await program('mmdebstrap', 'echo "E: none of $*" >&2; exit 1');
    const { newest } = await ensureImages({ ...options(), ask: () => true });
    expect(newest).toMatchObject({
      missing: expect.stringContaining('deb http://127.0.0.1:9/security/ bookworm-security main'),
    });
  });

  test('that was built and does not run is missing, for the reason that the engine gives', async () => {
    await program(
      'docker',
      `case $1 in
         image) for tag; do :; done; cat "$HERE/\${tag#*:}" ;;
         *) echo "cgroups in hybrid mode not supported" >&2; exit 126 ;;
       esac`,
    );
    for (const name of ['oldest', 'older', 'newest'] as const) {
      await writeFile(join(folder, name), await recipeOf(name));
    }
    for (const part of Object.values(await ensureImages(options()))) {
      expect(part).toMatchObject({ missing: expect.stringContaining('hybrid') });
    }
  });
});
