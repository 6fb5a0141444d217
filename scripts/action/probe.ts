import { relative } from 'node:path';
import { FAULTS } from '../base/limits/github.ts';
import { counted } from '../base/words.ts';
import type { Checked } from '../mirror/check/check-file.ts';
import { checkStore } from '../mirror/check/check-store.ts';
import { checkTree } from '../mirror/check/check-tree.ts';
import { plain } from '../notify/escape.ts';
import { fewer } from '../notify/job-report.ts';
import type { Failure } from '../notify/run-report.ts';
import { probeMirror } from '../probe/probe.ts';
import { aboutMirror } from '../settings/action.ts';
import { probeSettings } from '../settings/commands/probe.ts';
import { verifySettings } from '../settings/commands/verify.ts';
import { openStore } from '../store/open.ts';
import { isS3Address } from '../store/s3/address.ts';
import { TALOS } from '../verify/trust.ts';
import { verdictsOf } from '../watch/failures.ts';
import type { Prepare } from './action-command.ts';
import { findingsSummary, logFindings } from './findings-summary.ts';

/** Checks a mirror from outside. */
export const probe: Prepare = (given) => {
  const settings = aboutMirror(given, (url) => probeSettings(url, given));
  return async ({ log, now }) => {
    const report = await probeMirror({ ...settings, trust: TALOS, now });
    logFindings(report.findings, log);
    const { failures, recovered } = verdictsOf(report.findings, false);
    const told = failures.map((failure) => ({ ...failure, code: `probe/${failure.class}` }));
    return {
      verdict: report.verdict,
      outputs: { outcome: report.verdict, versions: JSON.stringify(fewer(report.databases)) },
      summary: findingsSummary(`Probe of ${report.url}`, report.findings),
      report: { failures: told, recovered, ...UNKNOWN, at: now().toISOString() },
    };
  };
};

/** Proves every byte of a published mirror. */
export const verify: Prepare = (given) => {
  const { store: where, s3 } = verifySettings(given);
  return async ({ log, now }) => {
    const checked = isS3Address(where)
      ? await checkStore(await openStore(where, s3), TALOS)
      : await check(where);
    const bad = checked.filter(({ verdict }) => verdict === 'unproven' || verdict === 'unreadable');
    for (const one of bad) log.warn(lineOf(one));
    const good = bad.length === 0 && checked.length > 0;
    return {
      verdict: good ? 'good' : 'refused',
      outputs: { outcome: good ? 'proven' : 'refused' },
      summary: [
        `## ${good ? '✅ All' : `⛔ ${bad.length} of`} ${counted(checked.length, 'file')} ${good ? 'proven' : 'NOT proven'}`,
        ...bad.map(({ path, reason }) => `- ${plain(path)}: ${plain(reason ?? '')}`),
        '',
      ].join('\n\n'),
      report: { failures: good ? [] : [damage(bad)], recovered: [], ...UNKNOWN, at: now().toISOString() },
    };
  };
};

/** Facts that neither command finds out. */
const UNKNOWN = { serving: null, upstream: {} } as const;

/** Checks a folder; paths are relative to it. */
async function check(folder: string): Promise<Checked[]> {
  const checked = await checkTree(folder, TALOS);
  return checked.map((one) => ({ ...one, path: relative(folder, one.path) || one.path }));
}

function damage(bad: readonly Checked[]): Failure {
  return {
    class: 'host',
    code: 'verify/tree',
    what: bad.length === 0 ? 'Nothing is published.' : `Published files are not proven: ${bad.length}.`,
    advice: 'Run `resync`: it takes everything anew from upstream',
    log: bad.slice(0, FAULTS.lines).map(lineOf),
  };
}

function lineOf({ path, verdict, reason = '' }: Checked): string {
  return `${path}: ${verdict}: ${reason}`;
}
