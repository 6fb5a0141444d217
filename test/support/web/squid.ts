import { spawn } from 'node:child_process';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { explain } from '../../../scripts/base/errors.ts';
import { ensureProgram, type InstallOptions } from '../setup/install.ts';
import { freePort } from './ports.ts';
import { ended, listening } from './web-servers.ts';

export interface Squid extends AsyncDisposable {
  /** Of the proxy. */
  readonly url: string;
  /** A line for each request: how it was answered (`TCP_MISS/200` …), and what was asked for. */
  log(): Promise<string[]>;
}

/** The path of squid, which runs with its package's rules. Throws if it does not. */
export async function ensureSquid(options: InstallOptions): Promise<string> {
  const program = await ensureProgram('squid', ['squid'], options);
  try {
    await using _ = await startSquid(program);
  } catch (error) {
    throw new Error(`squid does not run here: ${explain(error)}`);
  }
  return program;
}

/** Starts a real squid with its package's own rules, behind these of ours. */
export async function startSquid(program: string, rules: readonly string[] = []): Promise<Squid> {
  const folder = await mkdtemp(join(tmpdir(), 'squid-'));
  await chmod(folder, 0o777); // it runs as another user
  const port = await freePort();
  const stock = await readFile('/etc/squid/squid.conf', 'utf8');
  const [config, accessLog] = [join(folder, 'squid.conf'), join(folder, 'access.log')];
  const ours = [
    `http_port 127.0.0.1:${port}`,
    `pid_filename ${folder}/pid`,
    `cache_log ${folder}/cache.log`,
    `logformat ours %Ss/%>Hs %rm %ru`,
    `access_log stdio:${accessLog} logformat=ours`,
    'shutdown_lifetime 0 seconds',
    'pinger_enable off',
    'visible_hostname squid.test',
  ];
  const kept = stock.replaceAll(/^(?:http_port|access_log|coredump_dir|pid_filename|cache_log) .*$/gm, '');
  await writeFile(config, [...ours, ...rules, kept].join('\n'));
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', program, '-N', '-f', config], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { PATH: process.env.PATH ?? '' },
  });
  const stop = async () => {
    await ended(child);
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await listening(child, port);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    url: `http://127.0.0.1:${port}`,
    async log() {
      const lines = (await readFile(accessLog, 'utf8')).trim().split('\n');
      return lines.filter((line) => !line.startsWith('NONE')); // who only looked whether it listens
    },
    [Symbol.asyncDispose]: stop,
  };
}
