import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ensureImages } from '../support/clamav-images.ts';
import { describeWithDocker } from '../support/docker.ts';
import { docker } from '../support/docker-cli.ts';
import { ensureDocker } from '../support/docker-engine.ts';
import { describeWith } from '../support/official.ts';

const asRoot =
  process.geteuid?.() === 0 ? { have: 'root' } : { missing: 'only root can start a Docker engine' };
const PATH = process.env.PATH ?? '';

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

const options = () => ({ path: process.env.PATH ?? '', ask: () => false, log: () => {} });

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
  describeWith(asRoot)('that the tests start', () => {
    test('is stopped with them', async () => {
      await ownDockerd();
      const engine = await ensureDocker('a-run', options());
      const pid = Number(await readFile(join(folder, 'pid'), 'utf8'));
      expect(await docker('version', '--format={{.Server.Version}}')).toMatch(/^\d/);
      await engine.close();
      await expectEnd(pid);
    });

    test('ends with them if they are killed', async () => {
      await ownDockerd();
      const module = join(import.meta.dirname, '..', 'support', 'docker-engine.ts');
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
});
