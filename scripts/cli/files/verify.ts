import { stat } from 'node:fs/promises';
import { printJson, streamLog } from '../../base/log.ts';
import { DATABASE_NAME } from '../../cvd/names.ts';
import { type Checked, checkFile } from '../../mirror/check/check-file.ts';
import { checkStore } from '../../mirror/check/check-store.ts';
import { checkTree } from '../../mirror/check/check-tree.ts';
import { verifySettings } from '../../settings/commands/verify.ts';
import { type Given, SettingError } from '../../settings/read.ts';
import { openStore } from '../../store/open.ts';
import { isS3Address } from '../../store/s3/address.ts';
import type { StoreSettings } from '../../store/settings.ts';
import { TALOS } from '../../verify/trust.ts';

/** `clamav-mirror verify`: proves single files, or everything in folders and buckets. */
export async function verify(
  paths: readonly string[],
  options: { database: string | undefined; given: Given; json: boolean },
): Promise<'good' | 'failed' | 'refused'> {
  const { database, given, json } = options;
  if (database !== undefined && !DATABASE_NAME.test(database)) {
    throw new SettingError(
      'setting/invalid',
      `--database takes a name such as daily, not ${JSON.stringify(database)}`,
    );
  }
  const targets = paths.length > 0 ? paths : [verifySettings(given).store];
  const checked: Checked[] = [];
  const buckets = new Map(
    targets.filter(isS3Address).map((path) => [path, verifySettings(given, path)] as const),
  );
  for (const path of targets) {
    const bucket = buckets.get(path);
    checked.push(...(bucket === undefined ? await check(path, database) : await checkBucket(bucket)));
  }
  const outcome = worstOf(checked);
  if (json) printJson(process.stdout, { outcome, files: checked });
  else printChecked(checked);
  return outcome === 'proven' ? 'good' : outcome === 'unproven' ? 'refused' : 'failed';
}

async function check(path: string, database: string | undefined): Promise<Checked[]> {
  const isFolder = await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (!isFolder) return [await checkFile(path, TALOS, { database, follow: true })];
  const files = await checkTree(path, TALOS);
  if (files.length > 0) return files;
  return [{ path, verdict: 'unreadable', reason: 'no database, CDIFF or .sign file is in this folder' }];
}

/** Every byte is downloaded: what the store says of its objects proves nothing. */
async function checkBucket({ store: where, s3 }: StoreSettings): Promise<Checked[]> {
  const store = await openStore(where, s3);
  const files = await checkStore(store, TALOS);
  if (files.length > 0)
    return files.map((one) => ({ ...one, path: `${store.where}/${one.path}`.replace(/\/$/, '') }));
  return [
    { path: where, verdict: 'unreadable', reason: 'no database, CDIFF or .sign file is in this bucket' },
  ];
}

function worstOf(checked: readonly Checked[]): 'proven' | 'unproven' | 'unreadable' {
  if (checked.some(({ verdict }) => verdict === 'unproven')) return 'unproven';
  return checked.some(({ verdict }) => verdict === 'unreadable') ? 'unreadable' : 'proven';
}

export function printChecked(checked: readonly Checked[]): void {
  const log = streamLog(process.stdout);
  for (const { path, verdict, what, reason } of checked) {
    log.info(
      `${verdict.padEnd(10)} ${path}${what === undefined ? '' : `  ${what}`}${reason ? `  ${reason}` : ''}`,
    );
  }
  const bad = checked.filter(({ verdict }) => verdict === 'unproven' || verdict === 'unreadable').length;
  log.info(bad === 0 ? `all ${checked.length} proven` : `${bad} of ${checked.length} NOT proven`);
}
