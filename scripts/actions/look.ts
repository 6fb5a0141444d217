import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { plain } from '../notify/markdown.ts';
import { probeMirror } from '../probe/probe.ts';
import { requireUrl } from '../settings/action.ts';
import { probeSettings, storeSettings } from '../settings.ts';
import { openStore } from '../store/open-store.ts';
import { isS3Address } from '../store/s3-settings.ts';
import type { Checked } from '../tree/check-file.ts';
import { checkTree } from '../tree/check-tree.ts';
import { fetchTree } from '../tree/fetch-tree.ts';
import { TALOS } from '../verify/trust.ts';
import type { Prepare } from './command.ts';
import { findingsSummary, warnOf } from './findings.ts';

/** Judges a mirror from outside. */
export const probe: Prepare = (given) => {
  const settings = probeSettings(requireUrl(given), given);
  return async ({ log, now }) => {
    const report = await probeMirror({ ...settings, trust: TALOS, now });
    warnOf(report.findings, log);
    return {
      verdict: report.verdict,
      outputs: { outcome: report.verdict, versions: JSON.stringify(report.databases) },
      summary: findingsSummary(`Probe of ${report.url}`, report.findings),
    };
  };
};

/** Proves every byte of a published mirror. */
export const verify: Prepare = (given) => {
  const { store: where, s3 } = storeSettings(given);
  return async ({ log }) => {
    const checked = isS3Address(where)
      ? await inFolder(async (folder) => {
          await fetchTree(await openStore(where, s3), folder);
          return await checkTree(folder, TALOS);
        })
      : await checkTree(where, TALOS);
    const bad = checked.filter(({ verdict }) => verdict === 'unproven' || verdict === 'unreadable');
    for (const one of bad) log.warn(`${one.path}: ${one.verdict}: ${one.reason ?? ''}`);
    const good = bad.length === 0 && checked.length > 0;
    return {
      verdict: good ? 'good' : 'refused',
      outputs: { outcome: good ? 'proven' : 'refused' },
      summary: [
        `## ${good ? '✅ All' : `⛔ ${bad.length} of`} ${checked.length} files ${good ? 'proven' : 'NOT proven'}`,
        ...bad.map(({ path, reason }) => `- ${plain(path)}: ${plain(reason ?? '')}`),
        '',
      ].join('\n\n'),
    };
  };
};

async function inFolder(check: (folder: string) => Promise<Checked[]>): Promise<Checked[]> {
  const folder = await mkdtemp(join(tmpdir(), 'clamav-mirror-verify-'));
  try {
    return await check(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
