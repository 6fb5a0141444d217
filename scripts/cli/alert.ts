import { hostname } from 'node:os';
import { ALERTS_MS } from '../base/limits/alerts.ts';
import { print, printJson } from '../base/log.ts';
import { alertSettings } from '../settings/alerts.ts';
import { type Given, SettingError } from '../settings/read.ts';
import { endOnSignal } from '../wiring/on-signal.ts';
import { leaveSoon } from '../wiring/send-alerts.ts';

/** `clamav-mirror alert`: sends a test to each address, and says which took it. */
export async function alert(given: Given, json: boolean): Promise<'good' | 'failed'> {
  const settings = alertSettings(given);
  if (settings === undefined) {
    throw new SettingError('setting/invalid', '--alert is needed', {
      advice: 'Name an address, or set the variable CLAMAV_MIRROR_ALERT; site/alerts.md has the forms',
    });
  }
  endOnSignal();
  const { testAlerts } = await import('../notify/alerts/alerts.ts');
  const { addresses, mirror, url, proxies } = settings;
  const signal = AbortSignal.timeout(ALERTS_MS);
  const sender = { mirror, url, machine: hostname(), runUrl: undefined };
  const whyNot = await testAlerts(addresses, sender, { proxies, signal, now: () => new Date() });
  const results = addresses.map(({ kind }, at) => ({ alert: at + 1, kind, error: whyNot[at] ?? null }));
  if (json) printJson(process.stdout, results);
  else
    print(
      process.stdout,
      results.map(({ alert: number, kind, error }) => `alert ${number} (${kind}): ${error ?? 'told'}`),
    );
  if (signal.aborted) leaveSoon();
  return results.every(({ error }) => error === null) ? 'good' : 'failed';
}
