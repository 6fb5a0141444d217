import { expect, test } from 'vitest';
import { type FakeGitHub, startGitHub } from '../support/github/api.ts';

const ask = (github: FakeGitHub, method: string, path: string, body?: unknown) =>
  fetch(`${github.url}/repos/${github.slug}${path}`, {
    method,
    headers: { authorization: `token ${github.token}` },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });

test("all that GitHub's stand-in answers is as GitHub describes it", async () => {
  const github = await startGitHub();
  github.runs.push({ id: 1, conclusion: 'failure', at: '2026-03-01T08:00:00Z' });
  github.open({ author: 'octocat', isPull: true, labels: ['a'] });
  github.workflows.set('mirror.yml', 'disabled_inactivity');
  const statuses = [
    await ask(github, 'GET', ''),
    await ask(github, 'GET', '/issues?state=all&labels=a&since=2020-01-01T00:00:00Z'),
    await ask(github, 'POST', '/issues', { title: 'x', labels: ['a'] }),
    await ask(github, 'PATCH', '/issues/2', {
      state: 'closed',
      state_reason: 'duplicate',
      duplicate_issue_id: 1,
    }),
    await ask(github, 'POST', '/issues/2/comments', { body: 'x' }),
    await ask(github, 'PATCH', '/issues/3', { state: 'closed' }),
    await ask(github, 'GET', '/actions/workflows/mirror.yml'),
    await ask(github, 'GET', '/actions/workflows/mirror.yml/runs?status=completed&per_page=5'),
  ].map(({ status }) => status);
  expect(statuses).toEqual([200, 200, 201, 200, 201, 404, 200, 200]);
  await github.close();
});

test.each<[string, string, unknown]>([
  ['POST', '/issues', { body: 'no title' }],
  ['POST', '/issues', { title: 'x', label: ['a'] }],
  ['POST', '/issues', { title: 'x', labels: 'a' }],
  ['POST', '/issues', undefined],
  ['PATCH', '/issues/1', { state: 'shut' }],
  ['POST', '/issues/1/comments', {}],
  ['GET', '/issues?state=every', undefined],
  ['GET', '/issues?label=a', undefined],
  ['GET', '/issues?per_page=many', undefined],
  ['GET', '/actions/workflows/mirror.yml/runs?status=done', undefined],
  ['GET', '/nowhere', undefined],
])('a request that GitHub does not know fails the test: %s %s %j', async (method, path, body) => {
  const github = await startGitHub();
  github.open({ author: 'octocat' });
  await ask(github, method, path, body);
  await expect(github.close()).rejects.toThrow('not as GitHub describes it');
});

test('so does an answer that GitHub would not give', async () => {
  const github = await startGitHub();
  github.workflows.set('mirror.yml', 'asleep');
  await ask(github, 'GET', '/actions/workflows/mirror.yml');
  await expect(github.close()).rejects.toThrow('the answer 200');
});
