import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inject } from 'vitest';
import { describeWith, have } from '../setup/official.ts';
import { realPart } from '../setup/real-part.ts';

/** Containers of podman's get no cgroup, log or network that only some machines can give them. */
const LIMITS = ['--log-driver=none', '--network=host'];

const part = await realPart('podman', () => {
  podman('--version');
  const images = have(inject('docker'));
  const tag = have(images.newest);
  const folder = mkdtempSync(join(tmpdir(), 'podman-'));
  // Its defaults raise the limits of this process, which inside a container even root may not do.
  const limits = execFileSync('sh', ['-c', 'ulimit -Hn'], { encoding: 'utf8' }).trim();
  const configuration = join(folder, 'containers.conf');
  const ulimits = `default_ulimits = ["nofile=${limits}:${limits}", "nproc=4096:4096"]`;
  writeFileSync(configuration, `[containers]\n${ulimits}\n`);
  process.env.CONTAINERS_CONF = configuration;
  execFileSync('sh', ['-c', 'docker save "$0" | podman load --quiet', tag], { stdio: 'pipe' });
  podman('run', '--rm', ...LIMITS, `localhost/${tag}`, 'clamscan', '--version');
  return `localhost/${tag}`;
});

/** Like `describe`, and skipped, loudly and counted, where podman cannot run a container of our image. */
export const describeWithPodman = describeWith(part);

/** The image with the newest ClamAV, as podman calls it. */
export function podmanImage(): string {
  return have(part);
}

/** Starts a container of that image which only sleeps. Returns its id. */
export function sleepingContainer(): string {
  return podman('run', '--detach', ...LIMITS, podmanImage(), 'sleep', '6000');
}

/** Runs the `podman` command. Returns its stdout; throws what it says on stderr. */
export function podman(...args: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync('podman', args, { encoding: 'utf8', timeout: 120_000 });
  if (status === 0) return stdout.trim();
  const [command] = args;
  throw new Error(`podman ${command}: ${error?.message ?? (stderr.trim() || `exit code ${status}`)}`);
}
