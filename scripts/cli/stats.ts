import { print, printJson, streamLog } from '../base/log.ts';
import { statsSettings } from '../settings/commands/stats.ts';
import type { Given } from '../settings/read.ts';
import { publishedIn } from '../stats/published.ts';
import { statsText } from '../stats/report/text.ts';
import { writePage } from '../stats/report/write-page.ts';
import { statsOf } from '../stats/stats.ts';
import { openStore } from '../store/open.ts';

/** `clamav-mirror stats`: says who takes what from a mirror, by the access logs of its host. */
export async function stats(
  files: readonly string[],
  given: Given,
  json: boolean,
): Promise<'good' | 'failed'> {
  const { history, page, ...settings } = statsSettings(files, given);
  const published =
    history === undefined
      ? new Map()
      : await publishedIn(await openStore(history.store, history.s3), new Date());
  const report = await statsOf({ ...settings, published });
  if (page !== undefined) await writePage(page, report);
  if (json) printJson(process.stdout, report);
  else print(process.stdout, statsText(report));
  const log = streamLog(process.stderr);
  const damaged = report.logs.filter(({ problem }) => problem !== undefined);
  for (const { log: name } of damaged)
    log.warn(`${name} is damaged, or ends in the middle: what came before is counted`);
  return damaged.length > 0 ? 'failed' : 'good';
}
