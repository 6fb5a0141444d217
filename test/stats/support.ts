import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { StatsReport } from '../../scripts/stats/report/report.ts';
import type { StatsTask } from '../../scripts/stats/settings.ts';
import { statsOf } from '../../scripts/stats/stats.ts';
import { temporaryFolder } from '../store/support.ts';
import { USUAL } from './usual.ts';

export const CLAMAV =
  'ClamAV/1.4.6 (OS: linux-gnu, ARCH: x86_64, CPU: x86_64, UUID: 00000000-0000-4000-9000-000000000001)';

/** Statistics of these files, with every setting as it is by default. */
export async function read(files: readonly string[], change: Partial<StatsTask> = {}): Promise<StatsReport> {
  return await statsOf({ ...USUAL, ...change, files });
}

/** Statistics of one log with these lines. */
export async function readLines(
  lines: readonly string[],
  change: Partial<StatsTask> = {},
): Promise<StatsReport> {
  const path = join(temporaryFolder(), 'access.log');
  await writeFile(path, lines.map((line) => `${line}\n`).join(''));
  return await read([path], change);
}

export interface Asked {
  readonly at?: string;
  readonly address?: string;
  readonly method?: string;
  readonly target?: string;
  readonly status?: number;
  readonly bytes?: number;
  readonly agent?: string;
}

/** A line as nginx writes it. */
export function line({
  at = '28/Nov/2026:10:00:00 +0000',
  address = '192.0.2.7',
  method = 'GET',
  target = '/daily.cvd',
  status = 206,
  bytes = 512,
  agent = CLAMAV,
}: Asked = {}): string {
  return `${address} - - [${at}] "${method} ${target} HTTP/1.1" ${status} ${bytes} "-" "${agent}"`;
}

/** A client of its own. */
export function agentOf(number: number, release = '1.4.6'): string {
  return `ClamAV/${release} (OS: linux-gnu, ARCH: x86_64, CPU: x86_64, UUID: 00000000-0000-4000-9000-${String(number).padStart(12, '0')})`;
}
