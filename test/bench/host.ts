import { spawn } from 'node:child_process';
import { randomFillSync } from 'node:crypto';
import { chmod, open, writeFile } from 'node:fs/promises';
import { availableParallelism, loadavg } from 'node:os';
import { join } from 'node:path';
import { searchPath } from '../../scripts/settings/environment.ts';
import { shell } from '../../scripts/setup/shell.ts';
import { ensureProgram } from '../support/setup/install.ts';
import { freePort } from '../support/web/ports.ts';
import { ended, listening } from '../support/web/server.ts';
import { startWebServer } from '../support/web/web-servers.ts';
import { say, spread, withFolder } from './support.ts';

const $ = shell({ environment: process.env });

const ROUNDS = 7;
const SECONDS = 2;
const SIZE = 60_000_000;

/** What wrk says of one load, and how it is put on. */
const LOADS = [
  { name: 'version checks: 512-byte Ranges', unit: 'requests/s', args: ['-c32', '-H', 'Range: bytes=0-511'] },
  { name: 'full downloads of 60 MB', unit: 'MB/s', args: ['-c4'] },
] as const;

interface Contender extends AsyncDisposable {
  readonly name: string;
  readonly url: string;
}

/**
 * The built-in host beside the bare `send`, whose judgement of requests it uses, and nginx with our configuration.
 * Only the first of them logs: every request, into a file, as people run it.
 */
export async function host(): Promise<void> {
  const options = { path: searchPath(), environment: process.env, log: say, ask: () => true };
  const wrk = await ensureProgram('wrk', ['wrk'], options);
  await ensureProgram('nginx', ['nginx'], options);
  await withFolder(async (folder) => {
    await chmod(folder, 0o755);
    await writeFile(join(folder, 'main.cvd'), randomFillSync(Buffer.alloc(SIZE)));
    await using nginx = await startWebServer('nginx', folder, withoutLimits);
    await using log = await open(join(folder, '.requests.log'), 'w');
    const serve = (port: string) => [CLI, 'serve', '--store', folder, '--port', port];
    await using ours = await startNode('built-in host, with its log', serve, log.fd);
    await using silent = await startNode('built-in host', (port) => [HOST, folder, port]);
    await using bare = await startNode('send', (port) => [SEND, folder, port]);
    const contenders: Contender[] = [ours, silent, bare, { ...nginx, name: 'nginx' }];
    for (const load of LOADS) {
      const rate = async ({ url }: Contender): Promise<number> => {
        const { stdout } = await $`${wrk} -t1 --timeout 30s -d${SECONDS}s ${load.args} ${url}/main.cvd`;
        return rateOf(stdout, load.unit);
      };
      for (const contender of contenders) await rate(contender); // warms them up
      const rounds: Map<string, number>[] = [];
      for (let round = 0; round < ROUNDS; round++) {
        const rates = new Map<string, number>();
        for (const contender of contenders) rates.set(contender.name, await rate(contender));
        rounds.push(rates);
        contenders.reverse();
      }
      say(`${load.name}, relative to send in the same round, and ${load.unit} (median of ${ROUNDS} rounds)`);
      for (const { name } of [ours, silent, bare, { name: 'nginx' }]) {
        const rates = rounds.map((round) => round.get(name) ?? Number.NaN);
        const ratios = rounds.map((round, n) => (rates[n] ?? Number.NaN) / (round.get('send') ?? Number.NaN));
        say(`  ${name.padEnd(28)} ${spread(ratios)}   ${Math.round(median(rates))}`);
      }
    }
    say(
      `load average ${loadavg()[0]?.toFixed(1)} on ${availableParallelism()} cores, of which wrk wants one`,
    );
  });
}

const CLI = join(import.meta.dirname, '..', '..', 'scripts', 'cli.ts');
const HOST = join(import.meta.dirname, 'host-child.ts');
const SEND = join(import.meta.dirname, 'send-child.ts');

/** What is measured is how fast it can be. */
function withoutLimits(config: string): string {
  return config.replaceAll(/^ *limit_(req|conn) .*$/gm, '').replace(/access_log .*;/, 'access_log off;');
}

async function startNode(
  name: string,
  args: (port: string) => string[],
  output: 'ignore' | number = 'ignore',
): Promise<Contender> {
  const port = await freePort();
  const child = spawn(process.execPath, args(String(port)), { stdio: ['ignore', output, 'pipe'] });
  await listening(child, port);
  return { name, url: `http://127.0.0.1:${port}`, [Symbol.asyncDispose]: () => ended(child) };
}

function rateOf(output: string, unit: (typeof LOADS)[number]['unit']): number {
  const wrong = /^ *(Socket errors|Non-2xx).*$/m.exec(output)?.[0];
  if (wrong !== undefined) throw new Error(`wrk: ${wrong.trim()}`);
  if (unit === 'requests/s') return Number(/^Requests\/sec: *([\d.]+)/m.exec(output)?.[1]);
  const [, amount, scale = ''] = /^Transfer\/sec: *([\d.]+)([KMG]?)B/m.exec(output) ?? [];
  return Number(amount) * ({ K: 1e-3, M: 1, G: 1024 }[scale] ?? 1e-6);
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
