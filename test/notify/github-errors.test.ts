import { describe, expect, test } from 'vitest';
import { type GitHubFault, type GitHubOptions, startGitHub } from '../support/github/api.ts';
import { Clock, failing, reportOf, startNotifier, well } from './support.ts';

const soon = () => String(Math.floor(Date.now() / 1000) + 1);
const later = () => String(Math.floor(Date.now() / 1000) + 3000);
const PRIMARY = { 'x-ratelimit-remaining': '0' };

describe('where GitHub does not do as asked, the failure stays visible:', () => {
  const all = /^/;
  const cases: [string, RegExp, GitHubOptions, GitHubFault?][] = [
    ['no permission to write issues', /403.*issues: write/, { canWriteIssues: false }],
    ['issues are turned off', /410.*Turn them on/, { hasIssues: false }],
    ['the API is down', /no usable answer/, {}, { on: all }],
    ['the API does not answer', /no usable answer/, {}, { on: all, stall: true }],
    ['the API fails', /fails \(503\)/, {}, { on: all, status: 503 }],
    ['the API fails for what is written', /fails \(500\)/, {}, { on: /^(POST|PATCH)/, status: 500 }],
    ['an answer of another kind', /no usable answer/, {}, { on: /issues/, status: 200, message: 'Hello' }],
    ['the repository is not visible', /404.*cannot see/, {}, { on: all, status: 404 }],
    ['the token is not valid', /401.*not valid/, {}, { on: all, status: 401 }],
    [
      'the rate is limited for long',
      /limits how often/,
      {},
      { on: all, status: 403, headers: { ...PRIMARY, 'x-ratelimit-reset': later() } },
    ],
    [
      'a secondary limit, for long',
      /limits how often/,
      {},
      { on: all, status: 429, headers: { 'retry-after': '600' } },
    ],
    [
      'a secondary limit without an end',
      /limits how often/,
      {},
      { on: all, status: 403, message: 'You have exceeded a secondary rate limit' },
    ],
  ];
  test.each(cases)('%s', async (_, words, options, fault) => {
    await using github = await startGitHub(options);
    if (fault !== undefined) github.fault(fault);
    const notifier = startNotifier(github, new Clock(), {}, fault?.stall ? 300 : undefined);
    const { issue, warnings } = await notifier.tell(reportOf(failing('integrity', 'stale').failures.slice()));
    expect(issue).toBeUndefined();
    expect(warnings).toHaveLength(2);
    expect(warnings[0]).toMatch(words);
    expect(warnings[0]).toContain('integrity (verify/signature): daily.cvd: integrity is broken');
    expect(warnings.join()).not.toMatch(/\n|ghs_test/);
    expect(github.requests.length).toBeLessThan(25);
  });

  test('a recovery that cannot be told is a warning too', async () => {
    await using github = await startGitHub();
    const notifier = startNotifier(github, new Clock());
    await notifier.tell(failing('integrity'));
    github.fault({ on: /^PATCH/, status: 403, message: 'Resource not accessible by integration' });
    expect((await notifier.tell(well('integrity'))).warnings).toHaveLength(1);
    github.fault({ on: all, status: 404 });
    expect((await notifier.tell(well('integrity', 'stale'))).warnings).toHaveLength(1);
  });

  test('trouble with one class leaves the others told', async () => {
    await using github = await startGitHub();
    github.fault({ on: /^POST .*\/issues$/, status: 422, message: 'Validation Failed', times: 1 });
    const { issue, warnings } = await startNotifier(github, new Clock()).tell(failing('integrity', 'proof'));
    expect(issue).toBe(1);
    expect(warnings).toHaveLength(1);
    expect(github.issues[0]?.labels[1]).toBe('clamav-mirror: proof');
  });
});

describe('trouble that passes is overcome:', () => {
  const cases: [string, GitHubFault][] = [
    ['a server error', { status: 502, times: 2 }],
    ['a cut connection', { times: 1 }],
    ['a short rate limit', { status: 403, headers: { ...PRIMARY, 'x-ratelimit-reset': soon() }, times: 1 }],
    ['a short secondary limit', { status: 429, headers: { 'retry-after': '1' }, times: 1 }],
  ];
  test.each(cases)('%s', async (_, fault) => {
    await using github = await startGitHub();
    github.fault({ on: /^POST .*\/issues$/, ...fault });
    expect(await startNotifier(github, new Clock()).tell(failing('integrity'))).toEqual({
      issue: 1,
      warnings: [],
    });
    expect(github.issues).toHaveLength(1);
  });

  test('a rate limit while asking who we are is not taken for an App', async () => {
    await using github = await startGitHub({ login: 'operator' });
    github.fault({ on: /user$/, status: 403, headers: { 'retry-after': '600' } });
    expect((await startNotifier(github, new Clock()).tell(failing('integrity'))).warnings).toHaveLength(1);
    expect(github.issues).toEqual([]);
  });
});

describe('a run that ended without a report', () => {
  test.each(['failure', 'cancelled'] as const)('as %s is a failure to publish', async (result) => {
    await using github = await startGitHub();
    const notifier = startNotifier(github, new Clock(), { CLAMAV_MIRROR_ISSUE_AFTER: '1' });
    expect(await notifier.tell(undefined, { check: 'success', mirror: result })).toEqual({
      issue: 1,
      warnings: [],
    });
    const [issue] = github.issues;
    expect(issue?.labels).toContain('clamav-mirror: publication');
    expect(issue?.body).toContain(`the job mirror ended as ${result}`);
    expect(issue?.body).toContain('Not known: this run could not find out.');
  });

  test('is one too if its report tells of no failure, and closes nothing of its class', async () => {
    await using github = await startGitHub();
    const notifier = startNotifier(github, new Clock(), { CLAMAV_MIRROR_ISSUE_AFTER: '1' });
    await notifier.tell(well('publication'), { mirror: 'failure' });
    await notifier.tell(well('publication'), { mirror: 'cancelled' });
    expect(github.issues.map(({ state }) => state)).toEqual(['open']);
    await notifier.tell(well('publication'), { mirror: 'success' });
    expect(github.issues.map(({ state }) => state)).toEqual(['closed']);
  });
});
