import { explain } from '../base/errors.ts';
import { openGitHub } from '../notify/github/github.ts';
import { notify as notifyOf } from '../notify/notify.ts';
import { hasFailed, parseRunReport, together as reportsTogether } from '../notify/run-report.ts';
import { notifySettings } from '../settings/github.ts';
import { needsSettings } from '../settings/notify.ts';
import { together } from '../settings/read.ts';
import type { Prepare } from './action-command.ts';
import { alertFromJob } from './job-alerts.ts';

/**
 * Opens issues in a job of its own, which alone may write them, from the reports of the jobs before it, or because there
 * is none. A problem with GitHub is a warning and does not fail the run.
 */
export const notify: Prepare = (given) => {
  const { needs, settings } = together({
    needs: () => needsSettings(given),
    settings: () => notifySettings(given.environment),
  });
  return async ({ log, now }) => {
    const jobs = needs.map(({ name, result, report }) => ({
      name,
      result,
      report: report === undefined ? undefined : parseRunReport(report),
    }));
    const unexplained = jobs.filter(({ report }) => report === undefined || !hasFailed(report.failures));
    const { github, run, mirror, patience } = settings;
    const reports = jobs.toReversed().flatMap(({ report }) => report ?? []); // what a later job says comes first
    const report = reportsTogether(reports);
    const results = Object.fromEntries(unexplained.map(({ name, result }) => [name, result]));
    const { issue, warnings } = await notifyOf(report, {
      github: openGitHub(github),
      run,
      mirror,
      patience,
      results,
      now,
      log,
    });
    for (const warning of warnings) log.warn(warning);
    const more = { results, decides: true };
    await alertFromJob(report, 'notify', { given, log }, more).catch((error) => log.warn(explain(error)));
    return {
      verdict: 'good',
      outputs: { outcome: 'notified', 'issue-number': String(issue ?? '') },
      summary: issue === undefined ? '' : `Reported in issue #${issue}.\n`,
    };
  };
};
