import { resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { CycleSettings } from '../../scripts/cycle/settings.ts';
import { parseEngineSpec } from '../../scripts/engine/spec.ts';
import { ALERT_OPTIONS } from '../../scripts/settings/alerts.ts';
import { clientSettings } from '../../scripts/settings/commands/client.ts';
import { probeSettings } from '../../scripts/settings/commands/probe.ts';
import { SERVE_OPTIONS, serveSettings } from '../../scripts/settings/commands/serve.ts';
import { SYNC_OPTIONS, syncSettings } from '../../scripts/settings/commands/sync.ts';
import { watchSettings } from '../../scripts/settings/commands/watch.ts';
import { given } from '../../scripts/settings/environment.ts';
import type { Option } from '../../scripts/settings/option.ts';
import { variableOf } from '../../scripts/settings/read.ts';
import { strangeVariables } from '../../scripts/settings/unknown.ts';
import { OFFICIAL_RECORD } from '../../scripts/upstream/official.ts';

const INVALID = expect.objectContaining({ code: 'setting/invalid' });
const NOTHING = { flags: {}, environment: {} };
const sync = (flags: Record<string, string>, environment: Record<string, string> = {}) =>
  syncSettings({ flags, environment });
const serve = (flags: Record<string, string>) => serveSettings({ flags, environment: {} });
const NATIVE = parseEngineSpec('native');
const dns = (record: string, ...nameservers: string[]) => ({ record, nameservers });

test('without a word the mirror takes the official databases from ClamAV into ./mirror', () => {
  const { userAgent, ...settings } = syncSettings(NOTHING);
  expect(settings).toEqual({
    upstreams: ['https://database.clamav.net'],
    databases: ['main', 'daily', 'bytecode'],
    store: resolve('mirror'),
    extras: [],
    s3: { maxSize: 1024 * 1024 * 1024 },
    work: resolve('mirror.work'),
    dns: dns(OFFICIAL_RECORD),
    window: 30,
    maxSize: 1024 * 1024 * 1024,
    proxies: { httpProxy: '', httpsProxy: '', noProxy: '' },
    engines: undefined,
    samples: { clean: undefined, infected: undefined },
    archive: 3,
    maxMirrorSize: undefined,
    publicUrl: undefined,
    restoreFrom: undefined,
    maxSignatureDrop: undefined,
    accept: undefined,
    retry: false,
    resync: false,
    dryRun: false,
  });
  expect(userAgent('a-uuid')).toMatch(/^CVDUPDATE\/[\d.]+ \(a-uuid\) clamav-mirror\/[\d.]+$/);
});

describe('a database that ClamAV gave up', () => {
  const given = 'main,daily,safebrowsing';

  test.each(['https://database.clamav.net', 'http://database.clamav.net/', 'https://db.de.clamav.net'])(
    'is not asked of %s: its 403 stops everything for a day',
    (upstream) => {
      expect(() => sync({ databases: given, upstream })).toThrow(INVALID);
      expect(() =>
        watchSettings('https://mirror.example', { flags: { databases: given, upstream }, environment: {} }),
      ).toThrow(INVALID);
    },
  );

  test('is taken from who still has it', () => {
    const { databases } = sync({ databases: given, upstream: 'https://clamav.net.example' });
    expect(databases).toEqual(['main', 'daily', 'safebrowsing']);
  });
});

test('without a word it is served to this machine only', () => {
  expect(serveSettings(NOTHING)).toEqual({ store: resolve('mirror'), address: '127.0.0.1', port: 8080 });
});

const NO_PROXIES = { httpProxy: '', httpsProxy: '', noProxy: '' };

/** For each option: what is given, and what it means. */
const meanings: [string, string, Partial<CycleSettings>][] = [
  ['upstream', 'http://mirror.example/clamav/', { upstreams: ['http://mirror.example/clamav'] }],
  ['databases', 'daily, test,,daily', { databases: ['daily', 'test'] }],
  ['store', 'somewhere', { store: resolve('somewhere'), work: resolve('somewhere.work') }],
  ['store', 's3://bucket/clamav', { store: 's3://bucket/clamav', work: resolve('mirror.work') }],
  ['s3-endpoint', 'https://s3.example', { s3: { endpoint: 'https://s3.example' } }],
  ['s3-region', 'eu-central-1', { s3: { region: 'eu-central-1' } }],
  ['s3-path-style', 'no', { s3: { pathStyle: false } }],
  ['s3-encryption', 'aws:kms', { s3: { encryption: 'aws:kms' } }],
  ['s3-kms-key', 'alias/ours', { s3: { kmsKey: 'alias/ours' } }],
  ['s3-storage-class', 'STANDARD_IA', { s3: { storageClass: 'STANDARD_IA' } }],
  ['s3-acl', 'public-read', { s3: { acl: 'public-read' } }],
  ['work', '/var/tmp/work', { work: '/var/tmp/work' }],
  ['dns', 'current.mirror.example', { dns: dns('current.mirror.example') }],
  ['dns', 'off', { dns: undefined }],
  [
    'dns',
    'https://resolver.example/dns-query',
    { dns: dns(OFFICIAL_RECORD, 'https://resolver.example/dns-query') },
  ],
  [
    'upstream',
    'http://a.example/clamav/, https://database.clamav.net,http://a.example/clamav',
    { upstreams: ['http://a.example/clamav', 'https://database.clamav.net'], dns: undefined },
  ],
  [
    'nameservers',
    '192.0.2.1,https://r.example/q',
    { dns: dns(OFFICIAL_RECORD, '192.0.2.1', 'https://r.example/q') },
  ],
  ['nameservers', '192.0.2.1, 192.0.2.2:5353', { dns: dns(OFFICIAL_RECORD, '192.0.2.1', '192.0.2.2:5353') }],
  [
    'nameservers',
    '2001:db8::1,[2001:db8::2]:53',
    { dns: dns(OFFICIAL_RECORD, '2001:db8::1', '[2001:db8::2]:53') },
  ],
  ['cdiffs', '90', { window: 90 }],
  ['max-size', '300', { maxSize: 300 * 1024 * 1024 }],
  [
    'engines',
    'native, docker:clamav:1.4,native',
    { engines: [NATIVE, parseEngineSpec('docker:clamav:1.4')] },
  ],
  ['clean-samples', 'ours', { samples: { clean: resolve('ours'), infected: undefined } }],
  ['infected-samples', '/x/list', { samples: { clean: undefined, infected: '/x/list' } }],
  ['archive', '0', { archive: 0 }],
  ['max-mirror-size', '900', { maxMirrorSize: 900 * 1024 * 1024 }],
  ['public-url', 'https://mirror.example/', { publicUrl: 'https://mirror.example' }],
  ['adopt', '/var/lib/clamav', { adopt: '/var/lib/clamav' }],
  ['restore-from', 'https://me.github.io/mirror/', { restoreFrom: 'https://me.github.io/mirror' }],
  ['local', '/srv/local', { local: '/srv/local' }],
  [
    'extra',
    'own.ndb=/srv/own.ndb',
    { extras: [{ name: 'own.ndb', from: '/srv/own.ndb', interval: 3_600_000, maxSize: 64 * 1024 * 1024 }] },
  ],
  ['allow-list', '/srv/allow.json', { allowList: expect.any(Function) }],
  ['max-signature-drop', '5', { maxSignatureDrop: 0.05 }],
  ['accept', ' main was built anew ', { accept: 'main was built anew' }],
  ['allow-private-redirects', 'true', { proxies: { ...NO_PROXIES, privateRedirects: true } }],
  ['retry', 'true', { retry: true }],
  ['resync', 'true', { resync: true }],
  ['dry-run', 'true', { dryRun: true }],
];

describe.each(meanings)('--%s %s', (name, text, meaning) => {
  test('as a flag', () => {
    expect(sync({ [name]: text })).toMatchObject(meaning);
  });

  test('as a variable', () => {
    expect(sync({}, { [variableOf(name)]: text })).toMatchObject(meaning);
  });
});

test('every option of sync has a meaning that is tested, but --user-agent, --extras and those of the network and of alerts', () => {
  const elsewhere = [
    ...['user-agent', 'proxy', 'ca-file', 'extras'],
    ...ALERT_OPTIONS.map(({ name }) => name),
  ];
  const tested = new Set<string>([...meanings.map(([name]) => name), ...elsewhere]); // network.test.ts, extras.test.ts, notify/alerts
  expect(SYNC_OPTIONS.filter(({ name }) => !tested.has(name))).toEqual([]);
});

test('a user agent of our own says nothing but that', () => {
  expect(sync({ 'user-agent': 'ClamAV/1.4.6 (me)' }).userAgent('a-uuid')).toBe('ClamAV/1.4.6 (me)');
});

test('serve listens where it is told', () => {
  expect(serve({ store: '/srv/clamav', address: '::', port: '0' })).toEqual({
    store: '/srv/clamav',
    address: '::',
    port: 0,
  });
});

test('a flag counts more than a variable, and an empty variable not at all', () => {
  expect(sync({ cdiffs: '10' }, { CLAMAV_MIRROR_CDIFFS: '20' }).window).toBe(10);
  expect(sync({}, { CLAMAV_MIRROR_CDIFFS: '' }).window).toBe(30);
});

test('the variable of an option is its name in capitals', () => {
  expect(variableOf('max-size')).toBe('CLAMAV_MIRROR_MAX_SIZE');
});

describe("ClamAV's record in the DNS is asked for", () => {
  test.each(['https://database.clamav.net', 'https://clamav.net/x', 'https://db.us.clamav.net'])(
    'with %s',
    (upstream) => {
      expect(sync({ upstream }).dns).toEqual(dns(OFFICIAL_RECORD));
    },
  );

  test.each(['https://mirror.example', 'https://notclamav.net', 'https://clamav.net.example'])(
    'not with %s',
    (upstream) => {
      expect(sync({ upstream }).dns).toBeUndefined();
      expect(sync({ upstream, dns: 'current.mirror.example' }).dns).toEqual(dns('current.mirror.example'));
    },
  );
});

describe('a bad value is refused by the name of its setting', () => {
  const bad: [string, ...string[]][] = [
    [
      'upstream',
      '',
      'database.clamav.net',
      'ftp://mirror.example',
      'file:///srv',
      'http://',
      'https://a.example/?x=1',
      'https://a.example/#x',
      'https://me:secret@a.example',
      'https://me@a.example',
    ],
    ['databases', '', ',', '../daily', 'daily.cvd', 'daily-1', '1daily', 'main daily', 'a'.repeat(33)],
    ['store', '', 's3://', 's3://UPPER', 's3://me:secret@bucket', 's3://bucket/../x', 'S3://bucket'],
    ['s3-endpoint', '', 's3.example', 'ftp://x.example'],
    ['s3-path-style', 'maybe'],
    ['s3-encryption', 'rot13'],
    ['s3-region', ''],
    ['work', ''],
    [
      'dns',
      '',
      'a b',
      'current.cvd/clamav',
      'x'.repeat(254),
      'http://resolver.example',
      'https://me:secret@r.example',
    ],
    [
      'nameservers',
      'ns.example',
      'http://resolver.example',
      '192.0.2',
      '192.0.2.1:',
      '192.0.2.1:0',
      '192.0.2.1:65536',
      '999.0.2.1:53',
      '[::1]',
      '[x]:53',
    ],
    ['cdiffs', '', '0', '-1', '1.5', 'all', '1001', '1e2', ' 30'],
    ['max-size', '0', '1GB', '16385'],
    ['engines', '', ',', 'docker', 'docker:', 'docker:--privileged', 'container:a b', 'podman:x', 'native:1'],
    ['clean-samples', ''],
    ['infected-samples', ''],
    ['archive', '', '-1', 'all', '101'],
    ['max-mirror-size', '', '0', '1GB', '1000001'],
    ['public-url', '', 'mirror.example', 'ftp://x.example'],
    ['restore-from', '', 'mirror.example', 'https://me:secret@a.example'],
    ['local', ''],
    ['max-signature-drop', '', '-1', '101', '20%'],
    ['accept', '', ' ', 'ok', 'two\nlines', 'x'.repeat(501)],
    ['retry', 'ja', '2', ' '],
    ['user-agent', '', 'two\nlines', 'Größe', 'x'.repeat(301)],
  ];
  const cases = bad.flatMap(([name, ...values]) => values.map((value) => [name, value] as const));
  test.each(cases)('--%s "%s"', (name, value) => {
    expect(() => sync({ [name]: value })).toThrow(INVALID);
    expect(() => sync({ [name]: value })).toThrow(`--${name} `);
  });

  test.each([
    ['address', 'localhost'],
    ['address', ''],
    ['port', '65536'],
    ['port', 'http'],
    ['store', ''],
  ])('--%s "%s" of serve', (name, value) => {
    expect(() => serve({ [name]: value })).toThrow(INVALID);
    expect(() => serve({ [name]: value })).toThrow(`--${name} `);
  });

  test('also where it comes from a variable', () => {
    const run = () => sync({}, { CLAMAV_MIRROR_MAX_SIZE: 'much' });
    expect(run).toThrow(INVALID);
    expect(run).toThrow('--max-size ');
  });

  test('without giving away a password', () => {
    expect(() => sync({ upstream: 'https://me:secret@mirror.example' })).not.toThrow('secret');
    expect(() => sync({}, { HTTPS_PROXY: 'ftp://me:secret@proxy.example' })).not.toThrow('secret');
  });
});

test('a bucket is not filled from where it is served: it keeps its manifest by itself', () => {
  const url = 'https://me.github.io/mirror';
  expect(() => sync({ store: 's3://bucket/clamav', 'restore-from': url })).toThrow(INVALID);
});

describe('what is unproven and what is served are apart', () => {
  const inside = [
    ['/srv/clamav', '/srv/clamav'],
    ['/srv/clamav', '/srv/clamav/work'],
    ['/srv/clamav/', '/srv/clamav/.work'],
    ['/srv/state/run', '/srv/state'],
    ['/srv/clamav', '/'],
  ] as const;
  test.each(inside)('--store %s with --work %s is refused', (store, work) => {
    expect(() => sync({ store, work })).toThrow(INVALID);
  });

  test.each([
    ['/srv/clamav', '/srv/clamav.work'],
    ['/srv/clamav', '/srv/clam'],
    ['/srv/clamav', '/srv/state'],
  ])('--store %s with --work %s is fine', (store, work) => {
    expect(sync({ store, work })).toMatchObject({ store, work });
  });
});

describe('proxies', () => {
  const proxies = (environment: Record<string, string>) => sync({}, environment).proxies;
  const url = 'http://me:secret@proxy.example:3128';

  test('come from the usual variables', () => {
    const environment = {
      HTTP_PROXY: url,
      HTTPS_PROXY: 'https://other.example',
      NO_PROXY: 'localhost,.example',
    };
    expect(proxies(environment)).toEqual({
      httpProxy: url,
      httpsProxy: 'https://other.example',
      noProxy: 'localhost,.example',
      namedBy: { http: 'HTTP_PROXY', https: 'HTTPS_PROXY' },
    });
  });

  test('in lower case count more than in upper case, as with curl', () => {
    const environment = {
      https_proxy: url,
      HTTPS_PROXY: 'http://other.example',
      no_proxy: 'a',
      NO_PROXY: 'b',
    };
    expect(proxies(environment)).toMatchObject({ httpsProxy: url, noProxy: 'a' });
    expect(proxies({ https_proxy: '', HTTPS_PROXY: url }).httpsProxy).toBe(url);
  });

  test('may leave out http://, as with curl', () => {
    expect(proxies({ HTTPS_PROXY: 'proxy.example:3128' }).httpsProxy).toBe('http://proxy.example:3128');
  });

  test.each([
    'ftp://proxy.example',
    'http://',
    'http://proxy.example:99999',
    'socks5://proxy.example',
    '://x',
  ])('"%s" is none', (text) => {
    expect(() => proxies({ HTTPS_PROXY: text })).toThrow(INVALID);
    expect(() => proxies({ HTTPS_PROXY: text })).toThrow('HTTPS_PROXY');
  });
});

describe('a switch in a variable', () => {
  const retries = (text: string) => sync({}, { CLAMAV_MIRROR_RETRY: text }).retry;

  test.each(['true', '1', 'yes', 'on', 'TRUE', 'Yes'])('is on with %s', (text) => {
    expect(retries(text)).toBe(true);
  });

  test.each(['false', '0', 'no', 'off', 'False'])('is off with %s', (text) => {
    expect(retries(text)).toBe(false);
  });
});

describe('a variable that is no option', () => {
  const look = (...names: string[]) =>
    strangeVariables({ environment: Object.fromEntries(names.map((name) => [name, 'x'])) });

  test.each([
    ['CLAMAV_MIRROR_MAX_SIGNATURE_DROPP', 'CLAMAV_MIRROR_MAX_SIGNATURE_DROP'],
    ['CLAMAV_MIRROR_DATABASE_S', 'CLAMAV_MIRROR_DATABASES'],
    ['CLAMAV_MIRROR_STROE', 'CLAMAV_MIRROR_STORE'],
  ])('and almost one is a mistake, and the right name is told: %s', (name, meant) => {
    expect(() => look(name)).toThrow(INVALID);
    expect(() => look(name)).toThrow(`${name} is unknown (did you mean ${meant}?)`);
  });

  test('is told of otherwise, for it does nothing', () => {
    expect(look('CLAMAV_MIRROR_COLOUR_SCHEME')).toEqual([
      expect.stringContaining('COLOUR_SCHEME is unknown'),
    ]);
  });

  test.each([
    ['an option of any command', 'CLAMAV_MIRROR_CDIFFS', 'CLAMAV_MIRROR_INTO', 'CLAMAV_MIRROR_QUIET'],
    ['one of the workflows', 'CLAMAV_MIRROR_AWS_ROLE', 'CLAMAV_MIRROR_GITHUB_LOGIN', 'CLAMAV_MIRROR_NEEDS'],
    ['one of somebody else', 'PATH', 'CLAMAV'],
    [
      'one that Kubernetes sets for a service of our name',
      'CLAMAV_MIRROR_SERVICE_HOST',
      'CLAMAV_MIRROR_SERVICE_PORT_HTTP',
      'CLAMAV_MIRROR_PORT_8080_TCP_ADDR',
    ],
  ])('is not: %s', (_, ...names) => {
    expect(look(...names)).toEqual([]);
  });

  test('and the port that Kubernetes means is not ours', () => {
    const environment = { CLAMAV_MIRROR_PORT: 'tcp://10.0.0.1:8080' };
    expect(serveSettings({ flags: {}, environment }).port).toBe(8080);
  });
});

test('an argument that makes no sense is called what it is, and no flag', () => {
  const settings = [
    () => probeSettings('mirror.example', NOTHING),
    () => watchSettings('mirror.example', NOTHING),
    () => clientSettings('mirror.example', NOTHING),
  ];
  for (const read of settings) {
    expect(read).toThrow(INVALID);
    expect(read).toThrow('the argument <url> ');
    expect(read).toThrow(expect.objectContaining({ advice: expect.not.stringContaining('--url') }));
  }
});

test('flags are given together with the environment of the process', () => {
  expect(given({ cdiffs: '10' })).toEqual({ flags: { cdiffs: '10' }, environment: process.env });
});

test('all that is wrong is said at once, as people know the settings', () => {
  const environment = {
    CLAMAV_MIRROR_CDIFFS: 'many',
    CLAMAV_MIRROR_STORE: 's3://X',
    CLAMAV_MIRROR_ARCHIVE: '-1',
  };
  const said = (kind: 'flag' | 'input') => {
    try {
      return syncSettings({ flags: {}, environment, kind });
    } catch (error) {
      return error instanceof Error ? error.message : error;
    }
  };
  expect(said('flag')).toMatch(/--cdiffs .*; --archive .*; --store /);
  expect(said('input')).toMatch(/the input cdiffs .*; the input archive .*; the input store /);
});

const ALONE = ['allow-private-redirects', 'retry', 'resync', 'dry-run'];

test('every option has a value or stands alone, and all have a help text for people', () => {
  const options: readonly Option[] = [...SYNC_OPTIONS, ...SERVE_OPTIONS];
  for (const { name, value, help } of options) {
    expect({ name, value, help }).toEqual({
      name: expect.stringMatching(/^[a-z][a-z0-9]*(-[a-z]+)*$/),
      value: ALONE.includes(name) ? undefined : expect.stringMatching(/^<.+>$/),
      help: expect.stringMatching(/\w/),
    });
  }
});
