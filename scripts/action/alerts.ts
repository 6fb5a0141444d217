import { explain } from '../base/errors.ts';
import type { RunReport } from '../notify/run-report.ts';
import { type ActionSettings, isDryRun } from '../settings/action.ts';
import { alertSettings } from '../settings/alerts.ts';
import { notifySettings } from '../settings/github.ts';
import { networkFrom } from '../settings/network.ts';
import { wantsIssues } from '../settings/notify.ts';
import type { Given } from '../settings/read.ts';
import type { Verdict } from '../wiring/exit-code.ts';
import type { ActionsLog } from './actions-log.ts';
import { alertFromJob } from './job-alerts.ts';

interface About {
  readonly given: Given;
  /** Settings; `undefined` if they were invalid. */
  readonly action: ActionSettings | undefined;
  readonly verdict: Verdict;
  readonly log: ActionsLog;
}

/** Alerts people who are not watching the run, by an issue, a ping and the addresses of `alert`. Never throws. Returns outputs. */
export async function sendAlerts(
  report: RunReport | undefined,
  about: About,
): Promise<Record<string, string>> {
  const { action, log } = about;
  if (action?.command === 'notify') return {};
  const warn = (error: unknown) => {
    log.warn(explain(error));
    return undefined;
  };
  await ping(about).catch(warn);
  await alertOf(report, about).catch(warn);
  if (report === undefined || !wantsIssues(about.given)) return {};
  const issue = await reportByIssue(report, about).catch(warn);
  return issue === undefined ? {} : { 'issue-number': String(issue) };
}

/** Commands that a schedule runs. What somebody runs by hand is seen by whoever does. */
const ALERTING: Readonly<Record<string, 'sync' | 'watch'>> = {
  sync: 'sync',
  resync: 'sync',
  watchdog: 'watch',
};

/** Throws `setting/invalid` if a command that alerts cannot: a mirror must not run for months with an address that is none. */
export function requireAlerts(given: Given): void {
  if (commandOf(given) !== undefined) alertSettings(given);
}

function commandOf({ environment }: Given): 'sync' | 'watch' | undefined {
  return ALERTING[environment.CLAMAV_MIRROR_COMMAND ?? ''];
}

async function alertOf(report: RunReport | undefined, { given, log }: About): Promise<void> {
  const command = commandOf(given);
  if (command === undefined || report === undefined || isDryRun(given)) return;
  await alertFromJob(report, command, { given, log });
}

async function reportByIssue(report: RunReport, { given, log }: About): Promise<number | undefined> {
  const { github, run, mirror, patience } = notifySettings(given.environment);
  const { openGitHub } = await import('../notify/github/github.ts');
  const { notify } = await import('../notify/notify.ts');
  const context = {
    github: openGitHub(github),
    run,
    mirror,
    patience,
    results: {},
    now: () => new Date(),
    log,
  };
  const { issue, warnings } = await notify(report, context);
  for (const warning of warnings) log.warn(warning);
  return issue;
}

/** Pings the healthcheck after each cycle, good or not. */
async function ping({ given, action, verdict, log }: About): Promise<void> {
  if (action?.healthcheckUrl === undefined) return;
  if (action.command !== 'sync' && action.command !== 'resync') return;
  const { pingHealthcheck } = await import('../notify/healthcheck.ts');
  const proxies = networkFrom(given);
  const said = { verified: verdict === 'good', text: log.tail.slice(-5).join('\n') };
  const warning = await pingHealthcheck(action.healthcheckUrl, said, { proxies });
  if (warning !== undefined) log.warn(warning);
}
