import { afterEach, beforeAll, expect, test } from 'vitest';
import { environment } from '../notify/support.ts';
import { type FakeGitHub, type GitHubOptions, startGitHub } from '../support/github/api.ts';
import { fault, finding, findings, readDescription, SKIPPED, WELL } from './support.ts';

const CHECKS = ['github', 'issues', 'schedule'] as const;
const WRITES = { CLAMAV_MIRROR_ISSUES: 'true' };

let github: FakeGitHub;
beforeAll(readDescription);
afterEach(async () => await github[Symbol.asyncDispose]());
const start = async (options: GitHubOptions = {}) => {
  github = await startGitHub(options);
};
const look = async (change: Readonly<Record<string, string>> = WRITES) =>
  await findings(CHECKS, { environment: { ...environment(github), ...change } });

test('all is well, and no issue is made of it', async () => {
  await start();
  expect(await look()).toEqual([WELL, WELL, WELL]);
  expect(github.issues).toEqual([]);
});

test('the token is not valid', async () => {
  await start();
  const [token] = await look({ CLAMAV_MIRROR_GITHUB_TOKEN: 'ghs_other' });
  expect(token).toEqual(fault(/401/, /github-token/));
});

test('the token may not write issues', async () => {
  await start();
  github.admit('ghs_reader', { issues: 'read', actions: 'read' });
  expect(await look({ ...WRITES, CLAMAV_MIRROR_GITHUB_TOKEN: 'ghs_reader' })).toEqual([
    WELL,
    fault(/may not write issues/, /issues: write/),
    WELL,
  ]);
});

test('a job that writes no issues need not be able to', async () => {
  await start();
  github.admit('ghs_reader', { issues: 'read', actions: 'read' });
  expect(await look({ CLAMAV_MIRROR_GITHUB_TOKEN: 'ghs_reader' })).toEqual([WELL, WELL, WELL]);
  expect(github.requests.filter((line) => !line.startsWith('GET'))).toEqual([]);
});

test.each([WRITES, {}])('issues are off: %j', async (change) => {
  await start({ hasIssues: false });
  expect((await look(change))[1]).toEqual(
    fault(/issues are off/, /gh repo edit acme\/mirror --enable-issues/),
  );
});

test.each(['disabled_inactivity', 'disabled_manually', 'disabled_fork'])(
  'the schedule is %s',
  async (state) => {
    await start();
    github.workflows.set('mirror.yml', state);
    expect((await look())[2]).toEqual(
      fault(/mirror\.yml is off/, /gh workflow enable mirror\.yml --repo acme\/mirror/),
    );
  },
);

test('the token may not see workflows', async () => {
  await start({ canReadActions: false });
  expect((await look())[2]).toEqual(fault(/may not see workflows/, /actions: read/));
});

test('a repository that syncs by other means has no schedule to look at', async () => {
  await start();
  github.workflows.clear();
  expect((await look())[2]).toEqual(SKIPPED);
});

test('GitHub is in trouble, which is not blamed on the token', async () => {
  await start();
  github.fault({ status: 502 });
  expect(await look()).toEqual([fault(/502/, /./), fault(/502/, /./), fault(/502/, /./)]);
});

test('outside of a workflow, or without a token, nobody is asked', async () => {
  await start();
  expect(await finding('github')).toEqual(SKIPPED);
  const { CLAMAV_MIRROR_GITHUB_TOKEN: _, ...without } = environment(github);
  expect(await finding('github', { environment: without })).toEqual(SKIPPED);
  expect(github.requests).toEqual([]);
});
