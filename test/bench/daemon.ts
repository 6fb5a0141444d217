import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startHost } from '../../scripts/host/host.ts';
import { DEFAULT_CACHE, ensureOfficial } from '../../scripts/setup/official-files.ts';
import { shell } from '../../scripts/setup/shell.ts';
import { startRun } from '../daemon/running.ts';
import { say, withFolder } from './support.ts';

/** Cycles after which the memory is compared, and those around each of which the median is taken. */
const [EARLY, LATE, AROUND] = [20, 200, 5] as const;

/**
 * Memory of `clamav-mirror run` itself after many cycles, beside that after a few. Between two cycles a client takes the
 * database, and a monitor asks for everything.
 */
export async function run(): Promise<void> {
  await withFolder(async (folder) => {
    const official = await ensureOfficial(DEFAULT_CACHE, {
      path: process.env.PATH ?? '',
      environment: process.env,
      log: say,
    });
    const upstream = join(folder, 'upstream');
    await shell({
      environment: process.env,
    })`mkdir ${upstream} && cp ${official}/test-6.cvd ${upstream}/test.cvd`;
    await using host = await startHost({ folder: upstream });
    const flags = [
      '--upstream',
      host.url,
      '--dns',
      'off',
      '--databases',
      'test',
      '--store',
      join(folder, 'mirror'),
    ];
    await using mirror = await startRun(flags, { socket: join(folder, 'socket') });
    await mirror.next('cycle-end', ({ outcome }) => outcome === 'published');
    const resident: number[] = [];
    while (resident.length < LATE + AROUND) {
      await (await fetch(`${mirror.url}/test.cvd`)).arrayBuffer();
      for (const path of ['/readyz', '/metrics']) await mirror.ask(path);
      await mirror.sync();
      await mirror.next('cycle-end', ({ outcome }) => outcome === 'unchanged');
      resident.push(await residentMegabytes(mirror.pid));
    }
    const [earlyMegabytes, lateMegabytes] = [medianAround(resident, EARLY), medianAround(resident, LATE)];
    say(
      `after ${EARLY} cycles ${earlyMegabytes.toFixed(0)} MB, after ${LATE} ${lateMegabytes.toFixed(0)} MB: ${(lateMegabytes / earlyMegabytes).toFixed(2)} times`,
    );
  });
}

async function residentMegabytes(pid: number): Promise<number> {
  const [, kilobytes] = /^VmRSS:\s+(\d+) kB$/m.exec(await readFile(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kilobytes) / 1000;
}

function medianAround(values: readonly number[], at: number): number {
  const near = values.slice(at - AROUND, at + AROUND).sort((one, other) => one - other);
  return near[AROUND] ?? Number.NaN;
}
