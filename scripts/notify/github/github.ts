import { setTimeout as wait } from 'node:timers/promises';
import { retry } from '@octokit/plugin-retry';
import { Octokit } from '@octokit/rest';
import { fetch } from 'undici';
import { GITHUB_PACE } from '../../base/limits/github.ts';
import { VERSION } from '../../base/version.ts';
import { Connections } from '../../http/connections.ts';
import type { GitHubSettings } from '../settings.ts';
import { rateLimitWait, statusOf } from './github-errors.ts';

/** A repository at GitHub, with our access to it. */
export interface GitHub {
  readonly rest: Octokit['rest'];
  readonly paginate: Octokit['paginate'];
  /** Parameters that each request spreads. */
  readonly repository: { readonly owner: string; readonly repo: string };
  /** Login of our token. Asks GitHub at most once. */
  login(): Promise<string>;
}

/** Times for requests, in milliseconds. */
export interface Pace {
  /** Deadline of one request. */
  readonly timeout: number;
  /** Pause before the second attempt; the next pause is four times as long. */
  readonly pause: number;
  /** Longest wait for a rate limit to end. If GitHub asks for more, the request fails. */
  readonly longestWait: number;
}

/** Login of a workflow's own token; nobody else can have this name. */
const ACTIONS = 'github-actions[bot]';

const Client = Octokit.plugin(retry);

/**
 * Opens GitHub's API: requests have a deadline, and are tried again after network and server errors and after short
 * rate limits.
 */
export function openGitHub(settings: GitHubSettings, pace: Pace = GITHUB_PACE): GitHub {
  const { dispatcher } = new Connections(settings.proxies);
  const octokit = new Client({
    baseUrl: settings.apiUrl,
    auth: settings.token,
    userAgent: `clamav-mirror/${VERSION}`,
    // errors reach the caller as errors, so Octokit logs nothing
    log: { debug() {}, info() {}, warn() {}, error() {} },
    retry: {
      retries: 2,
      retryAfterBaseValue: pace.pause,
      doNotRetry: [400, 401, 403, 404, 410, 422, 429, 451],
    },
    request: {
      fetch: (url: string, init: Parameters<typeof fetch>[1]) =>
        fetch(url, { ...init, dispatcher, signal: AbortSignal.timeout(pace.timeout) }),
    },
  });
  octokit.hook.wrap('request', async (request, options) => {
    try {
      return await request(options);
    } catch (error) {
      const pause = rateLimitWait(error);
      if (pause === undefined || pause > pace.longestWait) throw error;
      await wait(pause);
      return await request(options);
    }
  });
  let login: Promise<string> | undefined;
  return {
    rest: octokit.rest,
    paginate: octokit.paginate,
    repository: { owner: settings.owner, repo: settings.repo },
    login() {
      login ??= settings.login === undefined ? askLogin(octokit) : Promise.resolve(settings.login);
      return login;
    },
  };
}

/** Asks for the login of a token. GitHub refuses this to an App, and the usual App is the workflow itself. */
async function askLogin(octokit: Octokit): Promise<string> {
  try {
    const { data } = await octokit.rest.users.getAuthenticated();
    return data.login;
  } catch (error) {
    if (statusOf(error) === 403 && rateLimitWait(error) === undefined) return ACTIONS;
    throw error;
  }
}

/** GitHub's record of a repository's workflows, by file name. */
export interface Workflows {
  /** `active`, `disabled_inactivity`, `disabled_manually` … */
  state(file: string): Promise<string>;
  /** Time of the last successful run. */
  lastSuccess(file: string): Promise<Date | undefined>;
}

/** Opens the record of workflows. The token needs `actions: read`. */
export function workflowsOf(
  octokit: Pick<Octokit, 'rest'>,
  repository: { readonly owner: string; readonly repo: string },
): Workflows {
  return {
    async state(file) {
      const { data } = await octokit.rest.actions.getWorkflow({ ...repository, workflow_id: file });
      return data.state;
    },
    async lastSuccess(file) {
      const { data } = await octokit.rest.actions.listWorkflowRuns({
        ...repository,
        workflow_id: file,
        status: 'success',
        per_page: 1,
      });
      const [last] = data.workflow_runs;
      return last === undefined ? undefined : new Date(last.updated_at);
    },
  };
}

/** Reasons why a workflow is off, by its state. */
export const WHY_OFF: Readonly<Record<string, string>> = {
  disabled_inactivity: 'GitHub switches schedules off after 60 days without activity in the repository',
  disabled_manually: 'somebody has switched it off',
  disabled_fork: 'schedules are off in forks until somebody switches them on',
  deleted: 'it was deleted',
};
