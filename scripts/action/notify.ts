import { openGitHub } from '../notify/github.ts';
import { notify as notifyOf } from '../notify/notify.ts';
import { parseRunReport } from '../notify/run-report.ts';
import { notifySettings } from '../settings/github.ts';
import { needsSettings } from '../settings/notify.ts';
import { together } from '../settings/read.ts';
import type { Prepare } from './action-command.ts';

/**
 * A job of its own, which alone may write issues: tells of what the jobs before it said, or of their silence. Trouble with
 * GitHub is a warning: the verdict over the run is theirs.
 */
export const notify: Prepare = (given) => {
  const { needs, settings } = together({
    needs: () => needsSettings(given),
    settings: () => notifySettings(given.environment),
  });
  return async ({ log, now }) => {
    const { report, results } = needs;
    const { github, run, mirror, patience } = settings;
    const said = report === undefined ? undefined : parseRunReport(report);
    const { issue, warnings } = await notifyOf(said, {
      github: openGitHub(github),
      run,
      mirror,
      patience,
      results,
      now,
      log,
    });
    for (const warning of warnings) log.warn(warning);
    return {
      verdict: 'good',
      outputs: { outcome: 'notified', 'issue-number': String(issue ?? '') },
      summary: issue === undefined ? '' : `Issue #${issue} tells of it.\n`,
    };
  };
};
