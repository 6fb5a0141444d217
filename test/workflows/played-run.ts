import { fill, fillAll, holds, statusFunctions } from '../support/runner/expressions.ts';
import type { Job, Workflow } from '../support/runner/model.ts';

export type Result = 'success' | 'failure' | 'cancelled' | 'skipped';
type Needs = Readonly<Record<string, { result: Result; outputs: Readonly<Record<string, string>> }>>;

/** A job of a run that is played: no step of it is carried out. */
export interface PlayedJob {
  readonly id: string;
  /** Images of the services that start. */
  readonly images: readonly string[];
  /** Engines that the job's steps name and pull by themselves, once they use them. */
  readonly engines: readonly string[];
  readonly usesNode: boolean;
  /** True if it installs packages. */
  readonly installs: boolean;
}

export interface Around {
  readonly vars: Readonly<Record<string, string>>;
  readonly inputs: Readonly<Record<string, unknown>>;
  /** Results of jobs that do not end well: `cancelled` by somebody, or by the end of their time. */
  readonly results?: Readonly<Record<string, Result>>;
}

/** Outputs by job and step. */
export type Outputs = Readonly<Record<string, Readonly<Record<string, Readonly<Record<string, string>>>>>>;

/**
 * Plays a run: which jobs start by their conditions, in the order of their needs, with the outputs that their steps are said
 * to have. Conditions, outputs and images are those of the workflow, evaluated by GitHub's own package.
 */
export function playRun(
  { jobs }: Workflow,
  { vars, inputs, results = {} }: Around,
  outputs: Outputs,
): PlayedJob[] {
  const done: Record<string, Needs[string]> = {};
  const started: PlayedJob[] = [];
  for (const [id, job] of Object.entries(jobs)) {
    const needs = Object.fromEntries(
      job.needs.map((name) => {
        const one = done[name];
        if (one === undefined) throw new Error(`${id} needs ${name}, which comes after it`);
        return [name, one];
      }),
    );
    const before = Object.values(needs).map(({ result }) => result);
    const functions = statusFunctions({
      success: () => before.every((result) => result === 'success'),
      failure: () => before.includes('failure'),
      cancelled: () => before.includes('cancelled'),
    });
    const contexts = { vars, inputs, needs, github: { event_name: 'schedule' } };
    if (!holds(job.if, { contexts, functions })) {
      done[id] = { result: 'skipped', outputs: {} };
      continue;
    }
    started.push({ id, ...needsOf(job, contexts) });
    const steps = Object.fromEntries(
      Object.entries(outputs[id] ?? {}).map(([step, said]) => [step, { outputs: said }]),
    );
    const result = results[id] ?? 'success';
    done[id] = { result, outputs: fillAll(job.outputs, { contexts: { ...contexts, steps } }) };
  }
  return started;
}

function needsOf(job: Job, contexts: Readonly<Record<string, unknown>>): Omit<PlayedJob, 'id'> {
  const services = Object.entries(job.services).map(([name, { image }]) => [name, fill(image, { contexts })]);
  const running = services.filter(([, image]) => image !== '');
  const ofJob = {
    services: Object.fromEntries(running.map(([name = '']) => [name, { id: name, network: '', ports: {} }])),
  };
  const scope = { contexts: { ...contexts, job: ofJob } };
  const engines = job.steps.flatMap((step) => fill(step.with.engines ?? '', scope).split(','));
  const pulled = engines.filter((engine) => engine !== '' && !/^container:.|^native$/.test(engine));
  const uses = job.steps.map((step) => step.uses ?? '');
  const isOurs = uses.some((name) => name.startsWith('./'));
  return {
    images: running.map(([, image = '']) => image),
    engines: pulled,
    usesNode: isOurs || uses.some((name) => name.startsWith('actions/setup-node@')),
    installs: isOurs || job.steps.some(({ run }) => run?.includes('install.sh')),
  };
}
