import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { printableJson } from '../../base/printable.ts';
import { replaceFile } from '../../files/atomic.ts';
import { statsPage } from './page.ts';
import type { StatsReport } from './report.ts';

/** Writes `index.html` and `stats.json` of a report into a folder, which is made if it is missing. */
export async function writePage(folder: string, report: StatsReport): Promise<void> {
  await mkdir(folder, { recursive: true });
  await replaceFile(join(folder, 'stats.json'), `${printableJson(report, 2)}\n`);
  await replaceFile(join(folder, 'index.html'), statsPage(report));
}
