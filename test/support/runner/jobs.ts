import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { takeInputs } from './events.ts';
import { fill, fillAll, fillValue, holds, type Scope, statusFunctions } from './expressions.ts';
import { type ConcurrencyGroup, type JobResult, permissionsOf, runJob, type TokenGrant } from './job.ts';
import type { Place, Result } from './machine.ts';
import { type Concurrency, type Job, parseWorkflow, type Workflow } from './model.ts';

export interface WorkflowResult {
  readonly conclusion: Exclude<Result, 'skipped'>;
  /** By id; those of a called workflow as `caller / id`. */
  readonly jobs: Readonly<Record<string, JobResult>>;
  /** Of a workflow that is called. */
  readonly outputs: Readonly<Record<string, string>>;
  readonly runName: string;
  readonly concurrency: ConcurrencyGroup | undefined;
}

/** In what the jobs of one file run. */
export interface Surroundings {
  readonly place: Place;
  readonly github: Readonly<Record<string, unknown>>;
  readonly inputs: Readonly<Record<string, unknown>>;
  readonly vars: Readonly<Record<string, string>>;
  readonly secrets: Readonly<Record<string, string>>;
  readonly workflowRepository: string;
  /** The calling jobs. */
  readonly prefix: string;
  /** What the calling job's token may do, which no job of the called workflow gets beyond. */
  readonly cap: Readonly<Record<string, string>> | undefined;
  readonly signal: AbortSignal;
  readonly onToken: (grant: TokenGrant) => void;
  readonly onLine: (job: string, line: string) => void;
}

/** Runs each job once all that it needs are over; those that need nothing of each other run side by side. */
export async function runJobs(workflow: Workflow, around: Surroundings): Promise<WorkflowResult> {
  const { github, inputs, vars, signal } = around;
  const plain = { contexts: { github, inputs, vars } };
  const all: Record<string, JobResult> = {};
  const running = new Map<string, Promise<JobResult>>();
  const runOne = async (id: string, job: Job): Promise<JobResult> => {
    await Promise.all(job.needs.map((need) => running.get(need)));
    const ancestors = [...ancestorsOf(id, workflow)].map((name) => all[name]?.result);
    const needs = Object.fromEntries(
      job.needs.map((need) => {
        const { result, outputs } = all[need] ?? nothing;
        return [need, { result, outputs }];
      }),
    );
    const scope: Scope = {
      contexts: { ...plain.contexts, needs },
      functions: statusFunctions({
        success: () => !signal.aborted && ancestors.every((result) => result === 'success'),
        failure: () => ancestors.includes('failure'),
        cancelled: () => signal.aborted,
      }),
    };
    const result = await startJob(id, job, { workflow, around, needs, scope, all });
    all[id] = result;
    return result;
  };
  checkNeeds(workflow);
  for (const [id, job] of inOrder(workflow)) running.set(id, runOne(id, job));
  await Promise.all(running.values());
  const results = Object.values(all).map(({ result }) => result);
  const outputs = Object.entries(workflow.on.workflow_call?.outputs ?? {}).map(([name, { value }]) => {
    return [name, fill(value, { contexts: { ...plain.contexts, jobs: all } })];
  });
  return {
    conclusion: (['failure', 'cancelled'] as const).find((bad) => results.includes(bad)) ?? 'success',
    jobs: all,
    outputs: Object.fromEntries(outputs),
    runName: fill(workflow['run-name'] ?? String(github.workflow), plain),
    concurrency: groupOf(workflow.concurrency, plain),
  };
}

interface Starting {
  readonly workflow: Workflow;
  readonly around: Surroundings;
  readonly needs: Record<string, { result: Result; outputs: Readonly<Record<string, string>> }>;
  readonly scope: Scope;
  readonly all: Record<string, JobResult>;
}

const nothing: JobResult = {
  name: '',
  result: 'skipped',
  outputs: {},
  steps: [],
  annotations: [],
  log: '',
  summary: '',
  permissions: undefined,
  concurrency: undefined,
  workspace: undefined,
  orphans: [],
};

async function startJob(id: string, job: Job, starting: Starting): Promise<JobResult> {
  const { workflow, around, needs, scope, all } = starting;
  const fullId = around.prefix + id;
  if (!holds(job.if, scope)) return { ...nothing, name: id };
  const said = job.permissions ?? workflow.permissions;
  const permissions = capped(said === undefined ? around.cap : permissionsOf(said), around.cap);
  const concurrency = groupOf(job.concurrency, scope);
  if (job.uses !== undefined) {
    const called = await callWorkflow(fullId, job, job.uses, permissions, starting);
    for (const [name, result] of Object.entries(called.jobs)) all[`${id} / ${name}`] = result;
    return {
      ...nothing,
      name: id,
      result: called.conclusion,
      outputs: called.outputs,
      permissions,
      concurrency,
    };
  }
  // A running job is cancelled unless its condition holds even then.
  const controller = new AbortController();
  const onCancel = () => {
    if (!holds(job.if, scope)) controller.abort(around.signal.reason);
  };
  if (!around.signal.aborted) around.signal.addEventListener('abort', onCancel, { once: true });
  try {
    return await runJob(fullId, job, {
      ...around,
      workflow,
      needs,
      permissions,
      concurrency,
      signal: controller.signal,
      onLine: (line) => around.onLine(fullId, line),
    });
  } finally {
    around.signal.removeEventListener('abort', onCancel);
  }
}

async function callWorkflow(
  id: string,
  job: Job,
  uses: string,
  permissions: Readonly<Record<string, string>>,
  { around, needs }: Starting,
): Promise<WorkflowResult> {
  const local = /^[.$]\/(\.github\/workflows\/[^/@]+\.ya?ml)$/.exec(uses)?.[1];
  const folder = around.place.repositories[around.workflowRepository];
  if (local === undefined || folder === undefined) throw new Error(`nothing stands for the workflow ${uses}`);
  const workflow = parseWorkflow(await readFile(join(folder, local), 'utf8'));
  const declared = workflow.on.workflow_call;
  if (!('workflow_call' in workflow.on)) throw new Error(`${uses} cannot be called`);
  const scope = { contexts: { github: around.github, inputs: around.inputs, vars: around.vars, needs } };
  const given = Object.entries(job.with).map(([name, value]) => {
    return [name, typeof value === 'string' ? fillValue(value, scope) : value];
  });
  const secrets = fillAll(job.secrets, { contexts: { ...scope.contexts, secrets: around.secrets } });
  const missing = Object.entries(declared?.secrets ?? {}).find(
    ([name, secret]) => secret?.required && !secrets[name],
  );
  if (missing !== undefined) throw new Error(`Secret ${missing[0]} is required, but not provided`);
  const inputs = takeInputs(declared, Object.fromEntries(given));
  return await runJobs(workflow, { ...around, inputs, secrets, prefix: `${id} / `, cap: permissions });
}

function capped(
  wanted: Readonly<Record<string, string>> = permissionsOf({ contents: 'read', packages: 'read' }),
  cap: Surroundings['cap'] = wanted,
): Readonly<Record<string, string>> {
  for (const [name, access] of Object.entries(wanted)) {
    if (cap[name] === undefined || (access === 'write' && cap[name] === 'read')) {
      throw new Error(`the called workflow wants ${name}: ${access}, which the calling job does not have`);
    }
  }
  return wanted;
}

function groupOf(concurrency: Concurrency | undefined, scope: Scope): ConcurrencyGroup | undefined {
  if (concurrency === undefined) return undefined;
  const { group, ...rest } = { 'cancel-in-progress': 'false', queue: 'single' as const, ...concurrency };
  const cancelInProgress = fill(rest['cancel-in-progress'] ?? 'false', scope) === 'true';
  return { group: fill(group, scope), cancelInProgress, queue: rest.queue ?? 'single' };
}

/** All that a job needs, and what those need. */
function ancestorsOf(id: string, workflow: Workflow): Set<string> {
  const needs = workflow.jobs[id]?.needs ?? [];
  return new Set(needs.flatMap((need) => [need, ...ancestorsOf(need, workflow)]));
}

/** Each job behind those that it needs. */
function inOrder({ jobs }: Workflow): [string, Job][] {
  const done = new Map<string, Job>();
  const add = (id: string): void => {
    const job = jobs[id];
    if (job === undefined || done.has(id)) return;
    for (const need of job.needs) add(need);
    done.set(id, job);
  };
  for (const id of Object.keys(jobs)) add(id);
  return [...done];
}

function checkNeeds({ jobs }: Workflow): void {
  for (const [id, { needs }] of Object.entries(jobs)) {
    const unknown = needs.find((need) => !(need in jobs));
    if (unknown !== undefined) throw new Error(`job '${id}' needs '${unknown}', which does not exist`);
  }
}
