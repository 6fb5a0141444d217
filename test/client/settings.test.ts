import { expect, test } from 'vitest';
import { type FreshclamConf, freshclamConf } from '../../scripts/conf/freshclam-conf.ts';
import { ConfError, confText } from '../../scripts/files/clamav-conf.ts';
import { proxyFor } from '../../scripts/http/proxies.ts';
import { clientSettings } from '../../scripts/settings/commands/client.ts';
import { watchSettings } from '../../scripts/settings/commands/watch.ts';
import { SettingError } from '../../scripts/settings/read.ts';

const client = (url: string, flags: Record<string, string> = {}) =>
  clientSettings(url, { flags, environment: {} });
const watch = (flags: Record<string, string> = {}) =>
  watchSettings('https://mirror.example', { flags, environment: {} });

test('a client needs nothing but the URL', () => {
  expect(client('https://me:pass@mirror.example/clamav/')).toMatchObject({
    url: 'https://me:pass@mirror.example/clamav',
    into: expect.stringMatching(/^\/.*\/clamav-databases$/),
    conf: expect.stringMatching(/\/clamav-databases\.freshclam\.conf$/),
    databases: undefined,
    record: undefined,
    maxAge: 48 * 3_600_000,
    engine: undefined,
  });
  expect(client('http://mirror.example', { 'max-age': '0' }).maxAge).toBeUndefined();
  const fips = ['true', 'false'].map((said) => client('http://mirror.example', { fips: said }).fips);
  expect([client('http://mirror.example').fips, ...fips]).toEqual([false, true, false]);
});

test.each([
  ['http://mirror.example/\nOnUpdateExecute touch /tmp/x', {}],
  ['http://mirror.example/a b', {}],
  ['http://mirror.example/?x=1', {}],
  ['ftp://mirror.example', {}],
  ['http://mirror.example', { engines: 'native,docker:clamav/clamav:1.4' }],
  ['http://mirror.example', { databases: '../etc' }],
  ['http://mirror.example', { 'max-age': 'soon' }],
  ['http://mirror.example', { timeout: '0' }],
  ['http://mirror.example', { fips: 'maybe' }],
])('a client does not take %j with %j', (url, flags) => {
  expect(() => client(url, flags as Record<string, string>)).toThrow(SettingError);
});

test('watching asks the official record for an official upstream only, as sync does', () => {
  expect(watch()).toMatchObject({
    upstreams: ['https://database.clamav.net'],
    dns: { record: 'current.cvd.clamav.net' },
    limits: { warn: 24 * 3_600_000, fail: 48 * 3_600_000 },
    workflow: 'mirror.yml',
  });
  expect(watch({ upstream: 'http://other.example' }).dns).toBeUndefined();
  for (const flags of [{ 'warn-after': '50' }, { workflow: '../x.yml' }, { 'fail-after': '0' }])
    expect(() => watch(flags as Record<string, string>)).toThrow(SettingError);
});

const conf: FreshclamConf = {
  mirrors: ['http://mirror.example'],
  databases: ['daily', 'test'],
  record: undefined,
  proxy: undefined,
  attempts: 3,
  owner: 'me',
  folder: '/var/lib/our databases',
};

test('freshclam.conf names the mirror and nothing of ClamAV', () => {
  const lines = confText(freshclamConf(conf)).split('\n');
  expect(lines).toEqual(
    expect.arrayContaining([
      'DatabaseMirror http://mirror.example',
      'DatabaseDirectory "/var/lib/our databases"',
      'DNSDatabaseInfo no-record.invalid',
      'ExcludeDatabase main',
      'ExcludeDatabase bytecode',
      'ExtraDatabase test',
    ]),
  );
  expect(confText(freshclamConf({ ...conf, record: 'current.cvd.mirror.example' }))).toContain(
    'DNSDatabaseInfo current.cvd.mirror.example\n',
  );
  expect(confText(freshclamConf(conf))).not.toContain('FIPS'); // ClamAV before 1.5 stops at what it does not know
  expect(confText(freshclamConf({ ...conf, fips: true }))).toContain('\nFIPSCryptoHashLimits yes\n');
  const proxy = new URL('http://me:p%20s@proxy.example:3128');
  expect(confText(freshclamConf({ ...conf, proxy }))).toContain(
    'HTTPProxyServer http://proxy.example\nHTTPProxyPort 3128\nHTTPProxyUsername me\nHTTPProxyPassword "p s"\n',
  );
});

test.each(['/a\nOnUpdateExecute reboot', '/a"b'])('and has no room for a folder called %j', (folder) => {
  expect(() => confText(freshclamConf({ ...conf, folder }))).toThrow(ConfError);
  const proxy = new URL('http://me:%0AOnUpdateExecute%20reboot@proxy.example:3128');
  expect(() => confText(freshclamConf({ ...conf, proxy }))).toThrow(ConfError);
});

test('a proxy is used unless the mirror is an exception', () => {
  const through = (url: string, noProxy: string) =>
    proxyFor(url, { httpProxy: 'http://plain.example:1', httpsProxy: 'http://tls.example:2', noProxy })?.host;
  expect(through('https://mirror.example', '')).toBe('tls.example:2');
  expect(through('http://mirror.example', 'mirror.example:8080 example.org')).toBe('plain.example:1');
  expect(through('http://mirror.example:8080', 'mirror.example:8080')).toBeUndefined();
  expect(through('http://mirror.example', 'other, .EXAMPLE')).toBeUndefined();
  expect(through('http://mirror.example', '*.mirror.example')).toBeUndefined();
  expect(through('http://badmirror.example', 'mirror.example')).toBe('plain.example:1');
  expect(through('http://mirror.example', '*')).toBeUndefined();
  expect(
    proxyFor('http://x.example', { httpProxy: '', httpsProxy: 'http://p', noProxy: '' }),
  ).toBeUndefined();
});
