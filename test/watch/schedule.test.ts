import { expect, test } from 'vitest';
import { openGitHub, workflowsOf } from '../../scripts/notify/github/github.ts';
import { checkWorkflow } from '../../scripts/watch/schedule.ts';
import { type FakeGitHub, startGitHub } from '../support/github/api.ts';
import { NO_PROXIES } from '../support/web/no-proxies.ts';

const HOUR = 3_600_000;
const limits = { warn: 24 * HOUR, fail: 48 * HOUR };

async function verdicts(github: FakeGitHub, file = 'mirror.yml'): Promise<string[]> {
  const [owner = '', repo = ''] = github.slug.split('/');
  const pace = { timeout: 20_000, pause: 1, longestWait: 10 };
  const { url: apiUrl, token } = github;
  const settings = { apiUrl, owner, repo, token, login: undefined, proxies: NO_PROXIES };
  const api = openGitHub(settings, pace);
  const found = await checkWorkflow(workflowsOf(api, { owner, repo }), file, { limits, now: Date.now() });
  return found.map(({ check, verdict }) => `${check}: ${verdict}`);
}

function succeeded(github: FakeGitHub, hours: number): void {
  const at = new Date(Date.now() - hours * HOUR).toISOString();
  github.runs.splice(0, github.runs.length, {
    id: 1,
    conclusion: 'success',
    at,
    file: 'mirror.yml',
    status: 'completed',
  });
}

test('a workflow is well that is on and has succeeded lately', async () => {
  await using github = await startGitHub();
  github.workflows.set('mirror.yml', 'active');
  succeeded(github, 2);
  expect(await verdicts(github)).toEqual(['schedule: good', 'last successful run: good']);
  succeeded(github, 30);
  expect(await verdicts(github)).toEqual(['schedule: good', 'last successful run: warning']);
  succeeded(github, 60);
  expect(await verdicts(github)).toEqual(['schedule: good', 'last successful run: fault']);
  github.runs.length = 0;
  expect(await verdicts(github)).toEqual(['schedule: good', 'last successful run: warning']);
});

test.each(['disabled_inactivity', 'disabled_manually', 'disabled_fork'])(
  'one that is %s is a fault',
  async (state) => {
    await using github = await startGitHub();
    github.workflows.set('mirror.yml', state);
    succeeded(github, 2);
    expect(await verdicts(github)).toEqual(['schedule: fault', 'last successful run: good']);
  },
);

test('what GitHub does not tell is a warning: a missing right, another name, no answer', async () => {
  await using denied = await startGitHub({ canReadActions: false });
  denied.workflows.set('mirror.yml', 'active');
  expect(await verdicts(denied)).toEqual(['schedule: warning']);
  await using github = await startGitHub();
  github.workflows.set('mirror.yml', 'active');
  expect(await verdicts(github, 'other.yml')).toEqual(['schedule: warning']);
  github.fault({ status: 502 });
  expect(await verdicts(github)).toEqual(['schedule: warning']);
});
