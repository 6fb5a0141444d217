import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { access, mkdir, mkdtemp, readdir, readFile, rm, rmdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as wait } from 'node:timers/promises';
import { REPOSITORY } from '../support/repository.ts';

/** A machine of its own that systemd has booted, over the files of this one. */
export interface BootedMachine extends AsyncDisposable {
  /** Runs this line of a shell there. */
  run(line: string): Promise<{ readonly said: string; readonly status: number | null }>;
}

const PATH = '/usr/sbin:/usr/bin:/sbin:/bin';
/** Attempts to reach the systemd that boots, and milliseconds between them. */
const ATTEMPTS = { count: 150, pause: 200 } as const;

/** A service that asks for what not every container lets systemd do, such as a user namespace within a chroot. */
const TRIAL = `cat >/run/systemd/system/trial.service <<'END' && systemctl daemon-reload && systemctl start trial.service
[Service]
Type=oneshot
ExecStart=/bin/true
User=nobody
PrivateUsers=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectSystem=strict
END`;

/** Boots it. Throws why that cannot be done here. */
export async function bootSystemd(): Promise<BootedMachine> {
  if (process.platform !== 'linux' || process.geteuid?.() !== 0)
    throw new Error('booted-systemd: only root on Linux can boot one');
  await access(join(REPOSITORY, 'node_modules', 'node', 'bin', 'node'));
  const folder = await mkdtemp(join(tmpdir(), 'booted-'));
  const hierarchy = existsSync('/sys/fs/cgroup/systemd') ? '/sys/fs/cgroup/systemd' : '/sys/fs/cgroup';
  const cgroup = join(hierarchy, `clamav-mirror-test-${process.pid}`);
  await mkdir(cgroup, { recursive: true });
  // it ends with this process, however that ends
  const inside = `echo $$ >'${cgroup}/cgroup.procs'; exec setpriv --pdeathsig KILL unshare --mount --pid --fork --ipc --uts --cgroup \\
    --propagation private --kill-child "$@"`;
  const boot = [join(import.meta.dirname, 'boot.sh'), folder, REPOSITORY];
  const child = spawn('sh', ['-c', inside, 'sh', ...boot], {
    env: { PATH },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const said = text(child.stderr);
  const ended = once(child, 'exit');
  const machine: BootedMachine = {
    async run(line) {
      const init = await initOf(child.pid);
      const enter = ['-t', init, '-m', '-p', '-i', '-u', '-C', '-r', '-w', 'sh', '-c', line];
      const run = spawn('nsenter', enter, { env: { PATH }, stdio: ['ignore', 'pipe', 'pipe'] });
      const [stdout, stderr, [status]] = await Promise.all([
        text(run.stdout),
        text(run.stderr),
        once(run, 'close'),
      ]);
      return { said: `${stdout}${stderr}`, status };
    },
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGKILL');
        await ended;
      }
      await removeCgroup(cgroup);
      await rm(folder, { recursive: true, force: true });
    },
  };
  for (let attempt = 0; attempt < ATTEMPTS.count && child.exitCode === null; attempt++) {
    const state = await machine.run('systemctl is-system-running').catch(() => undefined);
    if (state?.said.startsWith('running')) {
      const { said, status } = await machine.run(TRIAL);
      if (status === 0) return machine;
      await machine[Symbol.asyncDispose]();
      throw new Error(`booted-systemd: it cannot protect a service here: ${said.trim().slice(-300)}`);
    }
    await wait(ATTEMPTS.pause);
  }
  await machine[Symbol.asyncDispose]();
  throw new Error(`booted-systemd: it did not boot: ${(await said).trim().split('\n').at(-1)}`);
}

/** PID 1 of the machine, as this one numbers it: the only child of `unshare`. */
async function initOf(pid: number | undefined): Promise<string> {
  const [init = ''] = (await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')).trim().split(' ');
  return init;
}

/** Ends whoever is left in a cgroup, and removes it with all below it. */
async function removeCgroup(path: string): Promise<void> {
  for (const entry of await readdir(path, { withFileTypes: true }).catch(() => []))
    if (entry.isDirectory()) await removeCgroup(join(path, entry.name));
  for (let attempt = 0; attempt < ATTEMPTS.count; attempt++) {
    if (
      await rmdir(path).then(
        () => true,
        () => !existsSync(path),
      )
    )
      return;
    await writeFile(join(path, 'cgroup.kill'), '1').catch(() => {});
    await wait(ATTEMPTS.pause);
  }
}
