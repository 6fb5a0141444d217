import { execFile, spawn } from 'node:child_process';
import { randomFillSync } from 'node:crypto';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { searchPath } from '../../scripts/settings.ts';
import { ensureProgram } from '../support/install.ts';
import { ended, freePort, listening, startWebServer } from '../support/web-servers.ts';
import { say, spread, withFolder } from './support.ts';

const run = promisify(execFile);

const ROUNDS = 3;
const SECONDS = 3;
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

/** The built-in host beside the bare `send`, which it is made of, and nginx with our configuration. */
export async function host(): Promise<void> {
  const wrk = await ensureProgram('wrk', ['wrk'], { path: searchPath(), log: say, ask: () => true });
  await withFolder(async (folder) => {
    await chmod(folder, 0o755);
    await writeFile(join(folder, 'main.cvd'), randomFillSync(Buffer.alloc(SIZE)));
    await using nginx = await startWebServer('nginx', folder, withoutLimits);
    await using ours = await startNode('built-in host', (port) => [
      CLI,
      'serve',
      '--store',
      folder,
      '--port',
      port,
    ]);
    await using bare = await startNode('send', (port) => [SEND, folder, port]);
    const contenders: Contender[] = [ours, bare, { ...nginx, name: 'nginx' }];
    for (const load of LOADS) {
      const measured = new Map(contenders.map(({ name }) => [name, [] as number[]]));
      for (let round = 0; round < ROUNDS; round++) {
        for (const { name, url } of contenders) {
          const { stdout } = await run(wrk, ['-t1', `-d${SECONDS}s`, ...load.args, `${url}/main.cvd`]);
          measured.get(name)?.push(rateOf(stdout, load.unit));
        }
      }
      say(`${load.name}, relative to send in the same round, and ${load.unit}`);
      for (const [name, rates] of measured) {
        const ratios = rates.map((rate, round) => rate / (measured.get('send')?.[round] ?? Number.NaN));
        say(`  ${name.padEnd(14)} ${spread(ratios)}   ${Math.round(Math.max(...rates))}`);
      }
    }
  });
}

const CLI = join(import.meta.dirname, '..', '..', 'scripts', 'cli.ts');
const SEND = join(import.meta.dirname, 'send-child.ts');

/** What is measured is how fast it can be. */
function withoutLimits(config: string): string {
  return config.replaceAll(/^ *limit_(req|conn) .*$/gm, '').replace(/access_log .*;/, 'access_log off;');
}

async function startNode(name: string, args: (port: string) => string[]): Promise<Contender> {
  const port = await freePort();
  const child = spawn(process.execPath, args(String(port)), { stdio: ['ignore', 'ignore', 'pipe'] });
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
