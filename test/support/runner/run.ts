import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { type RunEvent, startBy } from './events.ts';
import type { TokenGrant } from './job.ts';
import { runJobs, type WorkflowResult } from './jobs.ts';
import type { Place } from './machine.ts';
import { parseWorkflow } from './model.ts';
import { PATIENCE, type Patience } from './process.ts';
import { checkout, githubScript, linkingNpm, NODE, PROJECT, type StandIn, setupNode } from './stand-ins.ts';
import { CANCELLED } from './steps.ts';

export type { JobResult, TokenGrant } from './job.ts';
export type { WorkflowResult } from './jobs.ts';

/**
 * A small runner for GitHub Actions: carries out a workflow on this machine, as far as `model.ts` knows its keys.
 *
 * As on GitHub: the order of jobs and their results, expressions and the contexts where they may be used, status functions,
 * a bare environment, the runner's files and commands, masks, composite actions, timeouts, cancelling, service containers
 * by a real Docker engine.
 * Not as on GitHub: actions of others are stand-ins; a service's image is the local one that `images` names for it, since
 * no registry can be asked; a checkout has no history; `concurrency` is evaluated and nothing waits; `runs-on`,
 * `environment` and a matrix are not looked at or refused; an always() job has no five minutes' limit after a cancel.
 */
export interface RunOptions {
  /** An empty folder of the test's, where everything happens. */
  readonly folder: string;
  /** Default: `workflow_dispatch`. For `workflow_call`, `github.event_name` is `caller` if given. */
  readonly event?: string | (RunEvent & { readonly caller?: string });
  readonly inputs?: Readonly<Record<string, unknown>>;
  readonly secrets?: Readonly<Record<string, string>>;
  readonly vars?: Readonly<Record<string, string>>;
  /** Over the defaults of the `github` context: `repository`, `api_url`, `run_id`, … */
  readonly github?: Readonly<Record<string, unknown>>;
  /** The repository that the file is from, if another one calls it. */
  readonly workflowRepository?: string;
  /** The files of repositories, by `owner/name`. Default: the project for both repositories. */
  readonly repositories?: Readonly<Record<string, string>>;
  /** Stand-ins for actions, by what stands before the `@`, beside those in `stand-ins.ts`. */
  readonly actions?: Readonly<Record<string, StandIn>>;
  /** The local image for each image that a service names. */
  readonly images?: Readonly<Record<string, string>>;
  /** More of the machine's environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** `linked`, the default, answers `npm ci` with a link to the project's packages; `real` is the real one. */
  readonly npm?: 'linked' | 'real';
  /** What only actions get, not steps that `run`: `ACTIONS_RUNTIME_TOKEN`, `ACTIONS_RESULTS_URL`, … */
  readonly runtime?: Readonly<Record<string, string>>;
  /** Who gives identity tokens to jobs with `id-token: write`. */
  readonly oidc?: { readonly url: string; readonly token: string };
  readonly debug?: boolean;
  /** How many milliseconds a minute of `timeout-minutes` has. */
  readonly minute?: number;
  readonly patience?: Patience;
  /** Is told of each job's token before its first step. */
  readonly onToken?: (grant: TokenGrant) => void;
  readonly onLine?: (job: string, line: string) => void;
}

export interface WorkflowRun {
  readonly result: Promise<WorkflowResult>;
  /** As the button does. */
  cancel(): void;
}

const STAND_INS: Readonly<Record<string, StandIn>> = {
  'actions/checkout': checkout,
  'actions/github-script': githubScript,
  'actions/setup-node': setupNode,
};
const USUAL_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Carries out a workflow. Throws only if it cannot be started, or holds what this runner does not carry out. */
export async function runWorkflow(file: string, options: RunOptions): Promise<WorkflowResult> {
  return await startWorkflow(file, options).result;
}

export function startWorkflow(file: string, options: RunOptions): WorkflowRun {
  const controller = new AbortController();
  return { result: start(file, options, controller.signal), cancel: () => controller.abort(CANCELLED) };
}

async function start(file: string, options: RunOptions, signal: AbortSignal): Promise<WorkflowResult> {
  const event =
    typeof options.event === 'object' ? options.event : { name: options.event ?? 'workflow_dispatch' };
  const workflow = parseWorkflow(await readFile(file, 'utf8'));
  const started = startBy(workflow, event, options.inputs ?? {});
  const repository = String(options.github?.repository ?? 'octo-org/clamav-mirror');
  const workflowRepository = options.workflowRepository ?? repository;
  const sha = 'f'.repeat(40);
  const [owner = '', name = ''] = repository.split('/');
  const github = {
    actor: 'octocat',
    actor_id: '583231',
    api_url: 'https://api.github.com',
    base_ref: '',
    event_name: 'caller' in event ? event.caller : event.name,
    graphql_url: 'https://api.github.com/graphql',
    head_ref: '',
    ref: 'refs/heads/main',
    ref_name: 'main',
    ref_protected: false,
    ref_type: 'branch',
    repository_id: '1296269',
    repository_owner: owner,
    repository_owner_id: '9919',
    repositoryUrl: `git://github.com/${owner}/${name}.git`,
    retention_days: '90',
    run_attempt: '1',
    run_id: '1658821493',
    run_number: '3',
    server_url: 'https://github.com',
    sha,
    triggering_actor: 'octocat',
    workflow: workflow.name ?? `.github/workflows/${basename(file)}`,
    workflow_ref: `${workflowRepository}/.github/workflows/${basename(file)}@refs/heads/main`,
    workflow_sha: sha,
    ...options.github,
    repository,
    event: started.event,
  };
  const path = await pathFor(options);
  const place: Place = {
    folder: options.folder,
    repositories: options.repositories ?? { [repository]: PROJECT, [workflowRepository]: PROJECT },
    actions: { ...STAND_INS, ...options.actions },
    images: options.images ?? {},
    env: { ...(options.npm === 'real' ? npmSettings() : {}), ...options.env },
    path,
    node: NODE,
    runtime: options.runtime ?? {},
    oidc: options.oidc,
    debug: options.debug ?? false,
    minute: options.minute ?? 60_000,
    patience: options.patience ?? PATIENCE,
  };
  const result = await runJobs(workflow, {
    place,
    github,
    inputs: started.inputs,
    vars: options.vars ?? {},
    secrets: options.secrets ?? {},
    workflowRepository,
    prefix: '',
    cap: undefined,
    signal,
    onToken: options.onToken ?? (() => {}),
    onLine: options.onLine ?? (() => {}),
  });
  return signal.aborted ? { ...result, conclusion: 'cancelled' } : result;
}

async function pathFor({ npm = 'linked', folder }: RunOptions): Promise<string> {
  if (npm === 'real') return USUAL_PATH;
  return `${await linkingNpm(join(folder, 'npm'), USUAL_PATH)}:${USUAL_PATH}`;
}

/** How npm reaches its registry from here; packages that it has already are not fetched again. */
function npmSettings(): Record<string, string> {
  const home = process.env.HOME ?? '';
  const passed = /^(npm_config_(registry|cafile)|NODE_EXTRA_CA_CERTS|https?_proxy|no_proxy)$/i;
  const settings = Object.entries(process.env).filter(([name]) => passed.test(name));
  return {
    ...Object.fromEntries(settings.map(([name, value = '']) => [name, value])),
    npm_config_userconfig: join(home, '.npmrc'),
    npm_config_cache: join(home, '.npm'),
    npm_config_prefer_offline: 'true',
  };
}
