import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach } from 'vitest';
import { type RunOptions, runWorkflow, type WorkflowResult } from '../../support/runner/run.ts';

/** Milliseconds for a step to end after each signal: time enough for whatever hears one. */
export const PATIENT = { interrupt: 20_000, terminate: 20_000, output: 20_000 };

export type Job = WorkflowResult['jobs'][string];

export interface Ground {
  /** A folder of the test that is under way. */
  readonly folder: string;
  /** Writes a workflow: jobs, or with `on` a whole one. Returns its path. */
  write(yaml: string): Promise<string>;
  /** Runs jobs, or with `on` a whole workflow. */
  run(yaml: string, options?: Partial<RunOptions>): Promise<WorkflowResult>;
  /** Runs the steps of one job. */
  runSteps(steps: string, options?: Partial<RunOptions>): Promise<Job>;
}

/** A folder for each test of a file, and workflows in it. */
export function ground(): Ground {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'runner-test-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));
  const write = async (yaml: string) => {
    const file = join(folder, 'workflow.yml');
    await writeFile(file, /^on:/m.test(yaml) ? yaml : `on: workflow_dispatch\n${yaml}`);
    return file;
  };
  const run = async (yaml: string, options: Partial<RunOptions> = {}) =>
    await runWorkflow(await write(yaml), { folder, ...options });
  return {
    get folder() {
      return folder;
    },
    write,
    run,
    async runSteps(steps, options = {}) {
      const indented = steps.replaceAll(/^/gm, '      ');
      const { jobs } = await run(
        `jobs:\n  it:\n    runs-on: ubuntu-latest\n    steps:\n${indented}`,
        options,
      );
      if (jobs.it === undefined) throw new Error('the job has no result');
      return jobs.it;
    },
  };
}

export const outcomes = (job: Job) => job.steps.map(({ outcome }) => outcome);
export const resultsOf = ({ jobs }: WorkflowResult) =>
  Object.fromEntries(Object.entries(jobs).map(([id, { result }]) => [id, result]));
