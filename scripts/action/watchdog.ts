import { openGitHub, type Workflows, workflowsOf } from '../notify/github.ts';
import { aboutMirror } from '../settings/action.ts';
import { watchSettings } from '../settings/commands/watch.ts';
import { notifySettings } from '../settings/github.ts';
import { type Given, together } from '../settings/read.ts';
import { runWatch } from '../wiring/run-watch.ts';
import type { Prepare } from './action-command.ts';
import { findingsSummary, logFindings } from './findings-summary.ts';

/** Checks the published mirror from outside, with real clients, and whether its workflow still runs. */
export const watchdog: Prepare = (given) => {
  const { settings, workflows } = together({
    settings: () => aboutMirror(given, (url) => watchSettings(url, given)),
    workflows: () => workflowsFrom(given),
  });
  return async ({ log }) => {
    const { verdict, findings, databases, url, run } = await runWatch(settings, log, workflows);
    logFindings(findings, log);
    return {
      verdict,
      outputs: { outcome: verdict, versions: JSON.stringify(databases) },
      summary: findingsSummary(`Watch over ${url}`, findings),
      report: run,
    };
  };
};

/** Record of workflows; `undefined` without a token to ask GitHub with. */
function workflowsFrom(given: Given): Workflows | undefined {
  if (!given.environment.CLAMAV_MIRROR_GITHUB_TOKEN) return undefined;
  const { rest, repository } = openGitHub(notifySettings(given.environment).github);
  return workflowsOf({ rest }, repository);
}
