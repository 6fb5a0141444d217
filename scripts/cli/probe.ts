import { print, printJson } from '../base/log.ts';
import { probeMirror } from '../probe/probe.ts';
import { tableOf } from '../probe/probe-table.ts';
import { probeSettings } from '../settings/commands/probe.ts';
import type { Given } from '../settings/read.ts';
import { TALOS } from '../verify/trust.ts';

/** `clamav-mirror probe`: checks a mirror from outside. */
export async function probe(url: string, given: Given, json: boolean): Promise<'good' | 'failed'> {
  const settings = probeSettings(url, given);
  const report = await probeMirror({ ...settings, trust: TALOS, now: () => new Date() });
  if (json) printJson(process.stdout, report);
  else print(process.stdout, tableOf(report));
  return report.verdict;
}
