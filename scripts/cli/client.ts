import { printJson, streamLog } from '../base/log.ts';
import { clientSettings } from '../settings/commands/client.ts';
import type { Given } from '../settings/read.ts';
import { endOnSignal } from '../wiring/on-signal.ts';
import { runClient } from '../wiring/run-client.ts';

/** `clamav-mirror client`: updates a database folder from a mirror, with its `freshclam.conf`. */
export async function client(url: string, given: Given, json: boolean): Promise<'good'> {
  const log = streamLog(process.stderr);
  const settings = clientSettings(url, given);
  endOnSignal();
  const report = await runClient(settings, log);
  if (json) printJson(process.stdout, report);
  return 'good';
}
