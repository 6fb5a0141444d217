import { join } from 'node:path';
import { openGitHub, type Workflows, workflowsOf } from '../notify/github/github.ts';
import { explainGitHub, ISSUES_ARE_OFF, statusOf } from '../notify/github/github-errors.ts';
import { ourIssues } from '../notify/github/our-issues.ts';
import type { RunReport } from '../notify/run-report.ts';
import { aboutMirror } from '../settings/action.ts';
import { watchSettings } from '../settings/commands/watch.ts';
import { notifySettings } from '../settings/github.ts';
import { type Given, together } from '../settings/read.ts';
import type { WatchSettings } from '../watch/settings.ts';
import { runWatch } from '../wiring/run-watch.ts';
import type { ActionContext, Prepare } from './action-command.ts';
import { restoreCache, saveCache } from './cache/cache.ts';
import { findingsSummary, logFindings } from './findings-summary.ts';

/** Checks the published mirror from outside, with real clients, and whether its workflow still runs. */
export const watchdog: Prepare = (given) => {
  const { settings, workflows } = together({
    settings: () => aboutMirror(given, (url) => watchSettings(url, given)),
    workflows: () => workflowsFrom(given),
  });
  return async (context) => {
    const { log } = context;
    const { verdict, findings, databases, url, run } = await withClients(
      settings,
      context,
      async (clients) => await runWatch({ ...settings, clients }, log, workflows),
    );
    logFindings(findings, log);
    return {
      verdict,
      outputs: {
        outcome: verdict,
        versions: JSON.stringify(databases),
        notify: String(await hasToTell(run, context)),
      },
      summary: findingsSummary(`Watch over ${url}`, findings),
      report: run,
    };
  };
};

/** Keeps the clients in the repository's cache, if no setting names a folder for them: each job begins on another machine. */
async function withClients<T>(
  { url, databases = [], clients: own }: WatchSettings,
  { action, given, log }: ActionContext,
  run: (clients: string | undefined) => Promise<T>,
): Promise<T> {
  if (!action.cache || own !== undefined) return await run(own);
  const work = join(action.folder, 'clients');
  const cache = { store: `clients of ${url}`, databases, work };
  const restored = await restoreCache(cache, given.environment);
  log.info(`cache: ${restored.outcome}${restored.why === undefined ? '' : ` (${restored.why})`}`);
  const ran = await run(restored.outcome === 'unavailable' ? undefined : work);
  const saved = await saveCache(cache, given.environment, restored);
  log.info(`cache: ${saved.outcome}${saved.why === undefined ? '' : ` (${saved.why})`}`);
  return ran;
}

/** False if the notifier would do nothing: nothing failed, and no issue is open about what is well. In doubt true. */
async function hasToTell(
  { failures, recovered }: RunReport,
  { given, log }: ActionContext,
): Promise<boolean> {
  if (failures.length > 0 || !given.environment.CLAMAV_MIRROR_GITHUB_TOKEN) return true;
  const { github, mirror } = notifySettings(given.environment);
  try {
    const open = await ourIssues(openGitHub(github), mirror, { state: 'open' });
    return open.some(({ state }) => recovered.includes(state.class));
  } catch (error) {
    if (statusOf(error) === ISSUES_ARE_OFF) return false;
    log.info(`it is not known whether an issue is open: ${explainGitHub(error)}`);
    return true;
  }
}

/** Record of workflows; `undefined` without a token to ask GitHub with. */
function workflowsFrom(given: Given): Workflows | undefined {
  if (!given.environment.CLAMAV_MIRROR_GITHUB_TOKEN) return undefined;
  const { rest, repository } = openGitHub(notifySettings(given.environment).github);
  return workflowsOf({ rest }, repository);
}
