import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { ACTION_OPTIONS, actionSettings, secretsIn } from '../../scripts/settings/action.ts';
import { variableOf } from '../../scripts/settings/read.ts';
import { fill } from '../support/runner/expressions.ts';

const read = async (path: string) => parse(await readFile(new URL(`../../${path}`, import.meta.url), 'utf8'));

/** Inputs that only some commands are given. */
const SECRETS = ['healthcheck-url', 'github-token', 'needs'];

interface Input {
  readonly description?: string;
  readonly default?: string;
}

describe('action.yml', async () => {
  const action = await read('action.yml');
  const inputs: Record<string, Input> = action.inputs;
  const steps: { id?: string; env?: Record<string, string> }[] = action.runs.steps;

  test.each([
    ['sync', { 'healthcheck-url': 'https://hc.example' }, ['healthcheck-url']],
    [
      'resync',
      { 'healthcheck-url': 'https://hc.example', issues: 'true' },
      ['healthcheck-url', 'github-token'],
    ],
    ['probe', {}, []],
    ['client', {}, []],
    ['verify', {}, []],
    ['watchdog', {}, ['github-token']],
    ['doctor', {}, ['github-token']],
    ['notify', { needs: '{}' }, ['github-token', 'needs']],
  ])('gives %s the secrets that it has a use for, and no other', (command, given, known) => {
    const all = { 'healthcheck-url': 'https://hc.example', 'github-token': 'ghs_x', needs: '{}' };
    const names = Object.keys(inputs).map((name) => [name, inputs[name]?.default ?? '']);
    const scope = {
      contexts: { inputs: { ...Object.fromEntries(names), issues: 'false', ...all, ...given, command } },
    };
    const env = steps.find(({ id }) => id === 'mirror')?.env ?? {};
    const handed = SECRETS.filter((name) => fill(env[variableOf(name)] ?? '', scope) !== '');
    expect(handed.sort()).toEqual([...known].sort());
  });

  test('describes every input and output', () => {
    for (const one of [...Object.values(inputs), ...Object.values<Input>(action.outputs)]) {
      expect(one.description?.trim().length).toBeGreaterThan(10);
    }
  });
});

describe('the settings of the action', () => {
  const settings = (environment: Record<string, string>) =>
    actionSettings({ flags: {}, environment, kind: 'input' });

  test('are those of a cycle that tells nobody, without a word', () => {
    expect(settings({ RUNNER_TEMP: '/tmp/runner' })).toEqual({
      command: 'sync',
      healthcheckUrl: undefined,
      cache: true,
      folder: '/tmp/runner/clamav-mirror',
    });
  });

  test.each([
    ['CLAMAV_MIRROR_COMMAND', 'mirror', /the input command is one of sync, .*"mirror"/],
    ['CLAMAV_MIRROR_ISSUES', 'yes', /the input issues is either true or false/],
    ['CLAMAV_MIRROR_HEALTHCHECK_URL', 'ftp://x', /the input healthcheck-url must be a URL/],
  ])('%s: %s is refused', (name, value, message) => {
    expect(() => settings({ [name]: value })).toThrow(message);
  });

  test('let a dry run ping nobody: it vouches for nothing that is published', () => {
    const pinged = { CLAMAV_MIRROR_HEALTHCHECK_URL: 'https://hc.example/uuid' };
    expect(settings(pinged).healthcheckUrl).toBe('https://hc.example/uuid');
    expect(settings({ ...pinged, CLAMAV_MIRROR_DRY_RUN: 'true' }).healthcheckUrl).toBeUndefined();
  });

  test('have a help text each', () => {
    for (const { help } of ACTION_OPTIONS) expect(help).toMatch(/\w/);
  });
});

test('tokens, keys and passwords are secrets, also as a header carries them', () => {
  const environment = {
    CLAMAV_MIRROR_GITHUB_TOKEN: 'ghs_token',
    AWS_ACCESS_KEY_ID: 'key-id',
    AWS_SECRET_ACCESS_KEY: 'key',
    CLAMAV_MIRROR_HEALTHCHECK_URL: 'https://hc.example/uuid',
    CLAMAV_MIRROR_URL: 'https://reader:p%40ss@clamav.example',
    CLAMAV_MIRROR_STORE: 's3://bucket/prefix',
    PATH: '/usr/bin',
    CI: '',
  };
  expect(secretsIn({ flags: {}, environment }).sort()).toEqual(
    ['ghs_token', 'key-id', 'key', 'https://hc.example/uuid', 'p%40ss', 'p@ss', btoa('reader:p@ss')].sort(),
  );
});
