import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { runWorkflow } from '../support/runner/run.ts';

const ACTION = join(import.meta.dirname, '..', '..', 'action.yml');

test("the action's packages, really installed, are all that it needs", async ({
  task,
  skip,
  onTestFinished,
}) => {
  const folder = await mkdtemp(join(tmpdir(), 'install-test-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const { runs } = parse(await readFile(ACTION, 'utf8'));
  const install: string = runs.steps.find(({ name }: { name: string }) => name === 'Install').run;
  const steps = [
    { uses: 'actions/checkout@v0' },
    { uses: 'actions/setup-node@v0', with: { 'node-version': '24' } },
    { id: 'install', run: install },
    { run: 'test ! -e node_modules/vitest && node scripts/cli.ts --help' },
    // Refused for want of a store, which it is told by its own code: all modules were found.
    { run: 'CLAMAV_MIRROR_COMMAND=none node scripts/action.ts', 'continue-on-error': true },
  ];
  const file = join(folder, 'workflow.yml');
  const workflow = { on: 'workflow_dispatch', jobs: { it: { 'runs-on': 'ubuntu-24.04', steps } } };
  await writeFile(file, JSON.stringify(workflow));
  const { jobs } = await runWorkflow(file, { folder, npm: 'real' });
  const log = jobs.it?.log ?? '';
  if (/npm error code (ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENOTCACHED)/.test(log)) {
    task.meta.missing = 'the registry of npm does not answer';
    skip();
  }
  expect(jobs.it?.result, log).toBe('success');
  expect(log).toMatch(/^added \d+ packages/m);
  expect(log).not.toContain('ERR_MODULE_NOT_FOUND');
}, 180_000);
