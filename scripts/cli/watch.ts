import { print, printJson, streamLog } from '../base/log.ts';
import { tableOf } from '../probe/probe-table.ts';
import { alertSettings } from '../settings/alerts.ts';
import { watchSettings } from '../settings/commands/watch.ts';
import { type Given, together } from '../settings/read.ts';
import { endOnSignal } from '../wiring/on-signal.ts';
import { runWatch } from '../wiring/run-watch.ts';
import { alerted, leaveSoon, sendAlerts } from '../wiring/send-alerts.ts';

/** `clamav-mirror watch`: checks that a published mirror is well and up to date. */
export async function watch(url: string, given: Given, json: boolean): Promise<'good' | 'failed'> {
  const about = { ...given, flags: { ...given.flags, url } };
  const { settings, alerts } = await alerted(about, 'watch', () =>
    together({ settings: () => watchSettings(url, given), alerts: () => alertSettings(about) }),
  );
  endOnSignal();
  const log = streamLog(process.stderr);
  const report = await alerted(about, 'watch', () => runWatch(settings, log));
  if (json) printJson(process.stdout, report);
  else print(process.stdout, tableOf(report));
  if (await sendAlerts(report.run, alerts, { command: 'watch', log })) leaveSoon();
  return report.verdict;
}
