import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fill, fillAll, type Scope } from './expressions.ts';
import { type Annotation, JobLog } from './log.ts';
import {
  type Machine,
  makeFolders,
  newTrackingId,
  type Place,
  type Result,
  type StepResult,
} from './machine.ts';
import type { Job, Permissions, Workflow } from './model.ts';
import { killOrphans } from './process.ts';
import { type RunningServices, startServices } from './services.ts';
import { type Level, runSteps } from './steps.ts';

export interface JobResult {
  readonly name: string;
  readonly result: Result;
  readonly outputs: Readonly<Record<string, string>>;
  readonly steps: readonly StepResult[];
  readonly annotations: readonly Annotation[];
  /** What GitHub shows of the job, with secrets masked. */
  readonly log: string;
  /** The summaries of its steps, one after the other. */
  readonly summary: string;
  /** What its token may do; `undefined` if the job did not run. */
  readonly permissions: Readonly<Record<string, string>> | undefined;
  readonly concurrency: ConcurrencyGroup | undefined;
  /** Its files, as it left them. */
  readonly workspace: string | undefined;
  /** The runner killed these at the end: programs that steps had left behind. */
  readonly orphans: readonly number[];
}

/** Evaluated; nothing waits here. */
export interface ConcurrencyGroup {
  readonly group: string;
  readonly cancelInProgress: boolean;
  readonly queue: 'single' | 'max';
}

/** A token as one job holds it. */
export interface TokenGrant {
  readonly token: string;
  readonly job: string;
  readonly permissions: Readonly<Record<string, string>>;
}

export interface JobContext {
  readonly workflow: Workflow;
  readonly place: Place;
  readonly github: Readonly<Record<string, unknown>>;
  readonly inputs: Readonly<Record<string, unknown>>;
  readonly vars: Readonly<Record<string, string>>;
  readonly secrets: Readonly<Record<string, string>>;
  readonly needs: Readonly<Record<string, { result: Result; outputs: Readonly<Record<string, string>> }>>;
  readonly permissions: Readonly<Record<string, string>>;
  readonly concurrency: ConcurrencyGroup | undefined;
  readonly workflowRepository: string;
  /** Set when the job is cancelled from outside. */
  readonly signal: AbortSignal;
  readonly onToken: (grant: TokenGrant) => void;
  readonly onLine: (line: string) => void;
}

const DEFAULT_TIMEOUT = '360';
const OVERDUE = new Error('overdue');

/** Carries out a job on a machine that is made for it. */
export async function runJob(id: string, job: Job, context: JobContext): Promise<JobResult> {
  const { workflow, place, vars, inputs, needs, permissions } = context;
  const log = new JobLog(context.onLine);
  const token = `ghs_${randomBytes(18).toString('hex')}`;
  const secrets = { ...context.secrets, GITHUB_TOKEN: token };
  const hidden = [...Object.values(secrets), place.oidc?.token, place.runtime.ACTIONS_RUNTIME_TOKEN];
  for (const secret of hidden) log.mask(secret ?? '');
  context.onToken({ token, job: id, permissions });

  const folders = await makeFolders(
    join(place.folder, id.replaceAll(/[^\w-]+/g, '_')),
    String(context.github.repository),
  );
  const eventPath = join(folders.temporary, '_github_workflow', 'event.json');
  await mkdir(dirname(eventPath), { recursive: true });
  await writeFile(eventPath, JSON.stringify(context.github.event));
  const github: Record<string, unknown> = {
    ...context.github,
    job: id,
    token,
    workspace: folders.workspace,
    event_path: eventPath,
  };
  const plain = { github, inputs, vars, needs };
  const name = fill(job.name ?? id, { contexts: plain });
  const issue = (message: string) => log.issue({ level: 'error', message, properties: {}, step: '' });

  const timeout = fill(job['timeout-minutes'] ?? DEFAULT_TIMEOUT, { contexts: plain });
  const controller = new AbortController();
  const onCancel = () => {
    issue(`The run was canceled by @${github.actor}.`);
    controller.abort(context.signal.reason);
  };
  context.signal.addEventListener('abort', onCancel, { once: true });
  const overdue = setTimeout(
    () => {
      issue(`The job has exceeded the maximum execution time of ${timeout}m0s`);
      controller.abort(OVERDUE);
    },
    Math.min(Number(timeout) * place.minute, 2 ** 31 - 1),
  );

  const machine = newMachine(job, context, { log, folders, signal: controller.signal });
  const contexts = { inputs, vars, needs, secrets, strategy: {}, matrix: {} };
  const scope = (): Scope => ({
    contexts: { ...contexts, github, job: machine.job, runner: machine.runner },
  });
  const level: Level = {
    contexts,
    github,
    status: machine.job,
    environment: {},
    signal: controller.signal,
    steps: {},
  };

  let services: RunningServices | undefined;
  let steps: StepResult[] = [];
  const outputs: Record<string, string> = {};
  const fail = (problem: unknown) => {
    issue(problem instanceof Error ? problem.message : String(problem));
    if (machine.job.status === 'success') machine.job.status = 'failure';
  };
  try {
    log.write(`Job ${name}\n##[group]GITHUB_TOKEN Permissions`);
    log.write(
      [...Object.entries(permissions).map(([key, value]) => `${key}: ${value}`), '##[endgroup]'].join('\n'),
    );
    try {
      Object.assign(machine.environment, fillAll(workflow.env, scope()));
      Object.assign(machine.environment, fillAll(job.env, scope()));
      services = await startServices(job.services, {
        scope: { contexts: plain },
        images: place.images,
        log,
        signal: controller.signal,
      });
      Object.assign(machine.job.services, services.services);
    } catch (problem) {
      fail(problem);
    }
    steps = await runSteps(machine, job.steps, level);
    for (const post of machine.posts.toReversed()) {
      log.write(`##[group]${post.name}\n##[endgroup]`);
      await post.run().catch(fail);
    }
    const all = { ...scope().contexts, steps: level.steps, env: machine.environment };
    Object.assign(outputs, outputsOf(job, { contexts: all }, log));
  } catch (problem) {
    fail(problem);
  } finally {
    clearTimeout(overdue);
    context.signal.removeEventListener('abort', onCancel);
    await services?.stop();
  }
  const orphans = await killOrphans(machine.trackingId);
  for (const pid of orphans) log.write(`Terminate orphan process: pid (${pid})`);
  return {
    name,
    result: machine.job.status,
    outputs,
    steps,
    annotations: log.annotations,
    log: log.lines.join('\n'),
    summary: machine.summaries.join('\n'),
    permissions,
    concurrency: context.concurrency,
    workspace: folders.workspace,
    orphans,
  };
}

function newMachine(
  job: Job,
  { workflow, place, github, permissions, workflowRepository }: JobContext,
  made: Pick<Machine, 'log' | 'folders' | 'signal'>,
): Machine {
  return {
    ...made,
    place,
    environment: {},
    paths: [],
    summaries: [],
    posts: [],
    job: {
      status: 'success',
      services: {},
      container: {},
      workflow_repository: workflowRepository,
      workflow_ref: String(github.workflow_ref),
      workflow_sha: String(github.workflow_sha),
    },
    runner: {
      name: 'GitHub Actions 1',
      os: 'Linux',
      arch: process.arch === 'arm64' ? 'ARM64' : 'X64',
      environment: 'github-hosted',
      temp: made.folders.temporary,
      tool_cache: made.folders.tools,
      ...(place.debug ? { debug: '1' } : {}),
    },
    defaults: {
      shell: job.defaults?.run.shell ?? workflow.defaults?.run.shell,
      folder: job.defaults?.run['working-directory'] ?? workflow.defaults?.run['working-directory'],
    },
    trackingId: newTrackingId(),
    idToken: permissions['id-token'] === 'write',
    workflowRepository,
  };
}

/** Those that hold a secret are dropped. */
function outputsOf(job: Job, scope: Scope, log: JobLog): Record<string, string> {
  const filled = Object.entries(fillAll(job.outputs, scope));
  const bad = filled.filter(([, value]) => log.masked(value) !== value).map(([name]) => name);
  for (const name of bad) {
    const message = `Skip output '${name}' since it may contain secret.`;
    log.issue({ level: 'warning', message, properties: {}, step: '' });
  }
  return Object.fromEntries(filled.filter(([name]) => !bad.includes(name)));
}

/** What a token may do. */
export function permissionsOf(said: Permissions): Record<string, string> {
  if (typeof said === 'object') {
    const granted = Object.entries(said).filter(([, access]) => access !== 'none');
    return { ...Object.fromEntries(granted), metadata: 'read' };
  }
  const access = said === 'write-all' ? 'write' : 'read';
  const scopes = [
    'actions',
    'attestations',
    'checks',
    'contents',
    'deployments',
    'discussions',
    'issues',
    'packages',
  ];
  const all = [...scopes, 'pages', 'pull-requests', 'security-events', 'statuses'].map((scope) => [
    scope,
    access,
  ]);
  return {
    ...Object.fromEntries(all),
    ...(access === 'write' ? { 'id-token': 'write' } : {}),
    metadata: 'read',
  };
}
