import { describe, expect, test } from 'vitest';
import { openGitHub } from '../../scripts/notify/github/github.ts';
import { explainGitHub } from '../../scripts/notify/github/github-errors.ts';
import { mirrorId } from '../../scripts/notify/mirror-id.ts';
import { notifySettings } from '../../scripts/settings/github.ts';
import { startGitHub } from '../support/github/api.ts';
import { startProxy } from '../upstream/proxy/proxy.ts';
import { environment, RUN } from './support.ts';

const GITHUB = { url: 'https://api.github.com', slug: 'acme/mirror', token: 'ghs_secret' };

describe('the settings for GitHub', () => {
  test('come from what GitHub sets for a step', () => {
    expect(notifySettings({ ...environment(GITHUB), CLAMAV_MIRROR_GITHUB_LOGIN: '' })).toEqual({
      github: {
        apiUrl: 'https://api.github.com',
        owner: 'acme',
        repo: 'mirror',
        token: 'ghs_secret',
        login: undefined,
        proxies: { httpProxy: '', httpsProxy: '', noProxy: '' },
      },
      run: RUN,
      mirror: mirrorId({}),
      patience: 3,
    });
  });

  test.each([
    ['GITHUB_API_URL', undefined],
    ['GITHUB_API_URL', 'ftp://api.github.com'],
    ['GITHUB_SERVER_URL', 'javascript:alert(1)'],
    ['GITHUB_REPOSITORY', 'acme'],
    ['GITHUB_REPOSITORY', 'acme/..'],
    ['GITHUB_REPOSITORY', 'acme/a/b'],
    ['GITHUB_RUN_ID', '1e3'],
    ['GITHUB_RUN_ATTEMPT', '0'],
    ['CLAMAV_MIRROR_GITHUB_TOKEN', undefined],
    ['CLAMAV_MIRROR_GITHUB_TOKEN', 'ghs_secret\nx: y'],
    ['CLAMAV_MIRROR_GITHUB_LOGIN', 'me you'],
    ['CLAMAV_MIRROR_ISSUE_AFTER', '0'],
    ['CLAMAV_MIRROR_ISSUE_AFTER', '51'],
  ])('are refused with the name of what is wrong: %s = %j', (name, value) => {
    const words = expect.stringMatching(new RegExp(`^the variable ${name} (?!.*secret)`, 's'));
    expect(() => notifySettings({ ...environment(GITHUB), [name]: value })).toThrow(
      expect.objectContaining({ code: 'setting/invalid', message: words }),
    );
  });

  test.each([
    ['acme/mirror/.github/workflows/a.b-c.yaml@refs/heads/x@y', 'a.b-c.yaml'],
    ['acme/other/.github/workflows/mirror.yml@refs/heads/main', undefined],
    ['acme/mirror/.github/workflows/../x.yml@refs/heads/main', undefined],
    [undefined, undefined],
  ])('name the workflow of %s', (ref, file) => {
    expect(notifySettings({ ...environment(GITHUB), GITHUB_WORKFLOW_REF: ref }).run.workflow).toBe(file);
  });
});

test("GitHub is reached through the runner's proxy", async () => {
  await using github = await startGitHub({ login: 'operator' });
  await using proxy = await startProxy(Number(new URL(github.url).port));
  const variables = { ...environment(github), GITHUB_API_URL: 'http://github.test', HTTP_PROXY: proxy.url() };
  expect(await openGitHub(notifySettings(variables).github).login()).toBe('operator');
  expect(proxy.seen.map(({ line }) => line.replace(/^CONNECT .*|^GET .*/, 'asked'))).toEqual(['asked']);
});

test.each([
  ['http://github.test', 'me:wrong'],
  ['https://github.test', 'me:wrong'],
])('a proxy that refuses the way to %s is blamed, and GitHub is not', async (GITHUB_API_URL, credentials) => {
  await using github = await startGitHub({ login: 'operator' });
  await using proxy = await startProxy(Number(new URL(github.url).port), 'me:right');
  const usual = proxy.url(credentials);
  const variables = { ...environment(github), GITHUB_API_URL, HTTP_PROXY: usual };
  const error = await openGitHub(notifySettings(variables).github)
    .login()
    .catch((error) => error);
  expect(explainGitHub(error)).toMatch(/the proxy wants a user and password, or others \(407\)/);
  expect(explainGitHub(error)).not.toMatch(/wrong|right/);
});
