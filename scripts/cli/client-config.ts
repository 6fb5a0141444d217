import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { print, printJson, printRows } from '../base/log.ts';
import { type ConfigReport, configureClient } from '../client/config.ts';
import { configJson, configText, writtenText } from '../client/config-text.ts';
import { PASSWORD } from '../conf/client-confs.ts';
import { placeConf } from '../files/clamav-conf.ts';
import { clientConfigSettings } from '../settings/commands/client-config.ts';
import type { Given } from '../settings/read.ts';

/** Mode of a configuration without a password: clamd and its clients must be able to read it. */
const READABLE = 0o644;

const HIDDEN = `${PASSWORD} stands for a password: --into writes it to a file that only you can read`;

/** `clamav-mirror client-config`: prints freshclam.conf and clamd.conf of a client, or writes them. */
export async function clientConfig(urls: readonly string[], given: Given, json: boolean): Promise<'good'> {
  const settings = clientConfigSettings(urls, given);
  const report = await configureClient(settings);
  const { into } = settings;
  if (into !== undefined) await write(report, into);
  const hides = into === undefined && report.confs.some(({ isSecret }) => isSecret);
  print(
    process.stderr,
    [...report.warnings, ...(hides ? [HIDDEN] : [])].map((warning) => `warning: ${warning}`),
  );
  if (json) printJson(process.stdout, configJson(report, settings));
  else if (into !== undefined) print(process.stdout, writtenText(report, settings, into));
  else printRows(process.stdout, configText(report, settings));
  return 'good';
}

async function write({ confs }: ConfigReport, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const { name, text, isSecret } of confs)
    await placeConf(join(folder, name), text, isSecret ? undefined : READABLE);
}
