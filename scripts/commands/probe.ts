import { probeMirror } from '../probe/probe.ts';
import { tableOf } from '../probe/table.ts';
import type { Given } from '../settings/read.ts';
import { probeSettings } from '../settings.ts';
import { TALOS } from '../verify/trust.ts';

/** `clamav-mirror probe`: judges a mirror from outside. */
export async function probe(url: string, given: Given, json: boolean): Promise<'good' | 'failed'> {
  const settings = probeSettings(url, given);
  const report = await probeMirror({ ...settings, trust: TALOS, now: () => new Date() });
  process.stdout.write(`${json ? JSON.stringify(report, undefined, 2) : tableOf(report, process.stdout)}\n`);
  return report.verdict;
}
