import { expect, test } from 'vitest';
import { RUN_OPTIONS, runSettings } from '../../scripts/settings/commands/run.ts';
import { SYNC_OPTIONS, syncSettings } from '../../scripts/settings/commands/sync.ts';
import { withConfig } from '../../scripts/settings/config/config.ts';
import { settingsFile } from '../settings/support.ts';

const INVALID = expect.objectContaining({ code: 'setting/invalid' });

test('without a flag it serves here alone, on the usual port, about hourly', () => {
  expect(runSettings({ flags: {}, environment: {} })).toMatchObject({
    every: 60 * 60_000,
    maxAge: 48 * 60 * 60_000,
    listen: { address: '127.0.0.1', port: 8080 },
    admin: { address: '127.0.0.1', port: 8081 },
    socket: undefined,
  });
});

test('a cycle gets every option, by its environment and not by its command line, which others can read', () => {
  const flags = {
    store: '/srv/clamav',
    databases: 'daily',
    's3-kms-key': 'a secret',
    verbose: 'true',
    json: 'true',
  };
  const environment = { PATH: '/usr/bin', CLAMAV_MIRROR_DATABASES: 'main', CLAMAV_MIRROR_CDIFFS: '7' };
  const { cycleEnvironment } = runSettings({ flags, environment });
  expect(cycleEnvironment).toEqual({
    PATH: '/usr/bin',
    CLAMAV_MIRROR_STORE: '/srv/clamav',
    CLAMAV_MIRROR_DATABASES: 'daily',
    CLAMAV_MIRROR_CDIFFS: '7',
    CLAMAV_MIRROR_S3_KMS_KEY: 'a secret',
    CLAMAV_MIRROR_VERBOSE: 'true',
    CLAMAV_MIRROR_CONFIG: 'off', // what a file says is among the variables
  });
  const cycle = syncSettings({ flags: {}, environment: cycleEnvironment });
  expect(cycle).toMatchObject({ store: '/srv/clamav', databases: ['daily'], window: 7 });
});

test('a cycle gets what a settings file says for this command, and reads no file itself', async () => {
  const path = settingsFile(
    '{ "databases": ["daily"], "run": { "cdiffs": 7, "every": 30 }, "sync": { "cdiffs": 9 } }',
  );
  const settings = runSettings(await withConfig({ flags: { config: path }, environment: {} }, 'run'));
  expect(settings.every).toBe(30 * 60_000);
  const cycle = await withConfig({ flags: {}, environment: settings.cycleEnvironment }, 'sync');
  expect(cycle.file).toBeUndefined();
  expect(syncSettings(cycle)).toMatchObject({ databases: ['daily'], window: 7 });
});

test('it takes the options of sync, but those for one cycle', () => {
  const names = new Set(RUN_OPTIONS.map(({ name }) => name));
  expect(SYNC_OPTIONS.map(({ name }) => name).filter((name) => !names.has(name))).toEqual([
    'accept',
    'retry',
    'resync',
    'dry-run',
  ]);
  expect(new Set(RUN_OPTIONS.map(({ name }) => name)).size).toBe(RUN_OPTIONS.length);
});

test.each([
  ['accept', 'because'],
  ['retry', 'true'],
  ['resync', 'true'],
  ['dry-run', 'true'],
])('%s by a variable is refused: it would be repeated with each cycle', (name, value) => {
  const variable = `CLAMAV_MIRROR_${name.replace('-', '_').toUpperCase()}`;
  expect(() => runSettings({ flags: {}, environment: { [variable]: value } })).toThrow(INVALID);
  expect(runSettings({ flags: {}, environment: { [variable]: '' } })).toBeDefined();
});

test.each([
  ['every', '4'],
  ['every', '1441'],
  ['every', 'hourly'],
  ['max-age', '0'],
  ['admin', '8081'],
  ['admin', 'localhost:8081'],
  ['admin', '127.0.0.1:65536'],
  ['admin', '[127.0.0.1:8081'],
  ['port', '70000'],
  ['upstream', 'ftp://mirror.example'],
])('--%s %s is refused', (name, value) => {
  expect(() => runSettings({ flags: { [name]: value }, environment: {} })).toThrow(INVALID);
});

test.each([
  ['off', undefined],
  ['0.0.0.0:9000', { address: '0.0.0.0', port: 9000 }],
  ['[::1]:9000', { address: '::1', port: 9000 }],
])('--admin %s', (admin, expected) => {
  expect(runSettings({ flags: { admin }, environment: {} }).admin).toEqual(expected);
});
