import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { MirrorError } from '../../scripts/base/errors.ts';
import { configJson, configText, writtenText } from '../../scripts/client/config-text.ts';
import { COSTS, costOf } from '../../scripts/conf/costs.ts';
import { MACHINE_NAMES, MACHINES } from '../../scripts/conf/machines.ts';
import { isKnownTo, RELEASES, sinceOf } from '../../scripts/conf/since.ts';
import { ConfError, confText } from '../../scripts/files/clamav-conf.ts';
import { isHttp } from '../../scripts/http/is-http.ts';
import { encodeManifest } from '../../scripts/mirror/manifest.ts';
import { clientConfigSettings } from '../../scripts/settings/commands/client-config.ts';
import { extraRecord, extrasOf } from '../mirror/extras.ts';
import { production } from '../page/facts.ts';
import { expectHarmless, hostileVariants } from '../support/hostile-words.ts';
import { startUpstream } from '../support/mirror/upstream.ts';
import { REPOSITORY } from '../support/repository.ts';
import { configured, textOf } from './support.ts';

const MIRROR = 'http://mirror.example';
const OFFLINE = { offline: 'true' };
const settings = (flags: Record<string, string>, urls: readonly string[] = [MIRROR]) =>
  clientConfigSettings(urls, { flags: { for: 'debian', ...flags }, environment: {} });

/** Names of the options in a text; what ClamAV would take for one is one. */
const namesIn = (text: string) =>
  text
    .split(/[\n\r\f\v\u2028\u2029\u0085]/)
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.split(/\s/)[0]);

describe('what a client is told', () => {
  test('are the databases of the mirror, as the mirror says', async () => {
    await using mirror = await startUpstream(
      new Map([['manifest.json', Buffer.from(encodeManifest(production()))]]),
    );
    const report = await configured([mirror.url]);
    expect(report).toMatchObject({ asked: mirror.url, warnings: [] });
    expect(textOf(report, 'freshclam.conf')).not.toMatch(/ExcludeDatabase|ExtraDatabase/);
    const some = await configured([mirror.url], { databases: 'daily,extra' });
    expect(textOf(some, 'freshclam.conf')).toContain(
      'ExcludeDatabase main\nExcludeDatabase bytecode\nExtraDatabase extra\n',
    );
  });

  test('are its extras, by the mirror that has them and the allow list first, unless Talos’ own are enough', async () => {
    const extras = extrasOf({ 'a.ndb': extraRecord('a'), 'local.ign2': extraRecord('') });
    const manifest = encodeManifest({ ...production(), extras });
    await using mirror = await startUpstream(new Map([['manifest.json', Buffer.from(manifest)]]));
    const secret = mirror.url.replace('//', '//me:s3cret@');
    const report = await configured(['http://127.0.0.1:1', secret]);
    const linesOf = (url: string) =>
      `DatabaseCustomURL ${url}/local.ign2\nDatabaseCustomURL ${url}/a.ndb\nDatabaseDirectory`;
    expect(textOf(report, 'freshclam.conf')).toContain(linesOf(secret));
    expect(report.shown[0]?.text).toContain(linesOf(secret.replace('s3cret', 'PASSWORD')));
    const without = await configured([mirror.url], { 'talos-only': 'true' });
    expect(textOf(without, 'freshclam.conf')).not.toContain('DatabaseCustomURL');
    const [[check], [less]] = [report.costs, without.costs];
    expect((check?.by['1.5'].requests ?? 0) - (less?.by['1.5'].requests ?? 0)).toBe(2);
  });

  test('is said with a warning where no mirror can be asked', async () => {
    await using nothing = await startUpstream();
    for (const report of [
      await configured(['http://127.0.0.1:1']),
      await configured([nothing.url]),
      await configured([MIRROR], OFFLINE),
    ]) {
      expect(report.asked).toBeUndefined();
      expect(report.warnings.at(-1)).toContain('main, daily, bytecode');
    }
  });

  test('costs what the mirror has today', async () => {
    await using mirror = await startUpstream(
      new Map([['manifest.json', Buffer.from(encodeManifest(production()))]]),
    );
    const { costs } = await configured([mirror.url]);
    expect(costs.map(({ occasion, databases, by }) => [occasion, databases.length, by])).toEqual([
      ['check', 3, { '0.103': { requests: 3, bytes: 0 }, '1.5': { requests: 3, bytes: 0 } }],
      [
        'update',
        1,
        { '0.103': { requests: 2, bytes: 512 + 81_234 }, '1.5': { requests: 3, bytes: 512 + 81_234 + 9012 } },
      ],
      ['start', 3, expect.objectContaining({ '0.103': { requests: 6, bytes: 112_483_840 } })],
    ]);
    const { costs: whole } = await configured([mirror.url], { private: 'true' });
    expect(whole[1]?.by['0.103']).toEqual({ requests: 3, bytes: 14 + 512 + 23_068_672 });
  });

  test('is one JSON object too, without passwords', async () => {
    const given = settings(OFFLINE, ['http://me:f1rst@mirror.example/clamav']);
    const report = await configured(given.mirrors, OFFLINE);
    const told = [JSON.stringify(configJson(report, given)), ...configText(report, given)].join('\n');
    expect(told).not.toContain('f1rst');
    const { shown } = await configured(['http://t0ken@mirror.example'], OFFLINE);
    expect(shown[0]).toMatchObject({ isSecret: true, text: expect.not.stringContaining('t0ken') });
    expect(told).toContain('http://me:PASSWORD@mirror.example/clamav');
    expect(configJson(report, given)).toMatchObject({
      for: 'debian',
      way: 'DatabaseMirror',
      files: [
        { name: 'freshclam.conf', path: '/etc/clamav/freshclam.conf', isSecret: true },
        { name: 'clamd.conf', isSecret: false },
      ],
    });
  });
});

describe('of files that were written, it is told', () => {
  test.each([
    ['debian', 'install -m 0644 /made/clamd.conf /etc/clamav/clamd.conf'],
    ['docker', '/made/clamd.conf: mount it at /etc/clamav/clamd.conf'],
    ['kubernetes', '/made/clamdscan.conf: mount it at /etc/clamav/clamdscan.conf'],
    ['windows', '/made/clamd.conf: copy it to C:\\Program Files\\ClamAV\\clamd.conf'],
  ])('where they belong: %s', async (machine, line) => {
    const flags = { ...OFFLINE, for: machine };
    expect(writtenText(await configured([MIRROR], flags), settings(flags), '/made')).toContain(line);
  });

  test('and that only the group of freshclam reads one with a password', async () => {
    const given = settings(OFFLINE, ['http://me:f1rst@mirror.example']);
    expect(writtenText(await configured(given.mirrors, OFFLINE), given, '/made')).toContain(
      'install -m 0640 -o root -g clamav /made/freshclam.conf /etc/clamav/freshclam.conf',
    );
  });
});

describe('hostile words', () => {
  const known = [
    ...['DatabaseMirror', 'DNSDatabaseInfo', 'ScriptedUpdates', 'DatabaseDirectory', 'DatabaseOwner'],
    ...['Checks', 'NotifyClamd', 'TestDatabases', 'MaxAttempts', 'ConnectTimeout', 'ReceiveTimeout'],
    ...['ExcludeDatabase', 'ExtraDatabase'],
  ];

  test('of a manifest begin no line, whichever of its words they are', async () => {
    const manifest = production(0, { files: {} });
    await using mirror = await startUpstream();
    let taken = 0;
    for (const [where, variant] of hostileVariants(manifest)) {
      mirror.set('manifest.json', Buffer.from(JSON.stringify(variant)));
      const report = await configured([mirror.url]);
      if (report.asked !== undefined) taken++;
      const text = textOf(report, 'freshclam.conf');
      expectHarmless(text);
      expect(
        namesIn(text).filter((name) => !known.includes(name ?? '')),
        where,
      ).toEqual([]);
    }
    expect(taken).toBeGreaterThan(0); // words that are nobody's name are taken
  });

  test.each([
    `${MIRROR}/\nOnUpdateExecute touch /tmp/x`,
    `${MIRROR}/\u2028OnUpdateExecute`,
    `${MIRROR}/a b`,
    `${MIRROR}/?x`,
    'http:me:secret@mirror.example',
    'HTTP://me:secret@mirror.example',
    'ftp://mirror.example',
    '',
  ])('are no mirror: %j', (url) => {
    let refused: unknown;
    try {
      settings(OFFLINE, [url]);
    } catch (error) {
      refused = error;
    }
    expect(refused).toBeInstanceOf(MirrorError);
    expect(refused).toMatchObject({ code: 'setting/invalid' });
    expect(String(refused)).not.toContain('secret');
  });

  test('that no line holds are refused, a second line behind the first one included', async () => {
    const long = `${MIRROR}/${'x'.repeat(1100)}`;
    for (const urls of [[`${MIRROR}/"x`], [MIRROR, long]])
      await expect(configured(urls, OFFLINE)).rejects.toMatchObject({ code: 'conf/impossible' });
    for (const proxy of ['http://me:%0AOnUpdateExecute@proxy.example', 'http://me:%22@proxy.example'])
      await expect(configured([MIRROR], { ...OFFLINE, 'client-proxy': proxy })).rejects.toMatchObject({
        code: 'conf/impossible',
      });
  });

  test.each(['a\nOnErrorExecute x', 'x'.repeat(1100), 'a\u2028b', '\ud800'])(
    'are no comment: %j',
    (comment) => {
      expect(() => confText([comment])).toThrow(ConfError);
    },
  );
});

describe('settings of client-config', () => {
  test.each([
    [{ for: 'beos' }],
    [{ fips: 'true', oldest: '1.4' }],
    [{ private: 'true', dns: 'current.cvd.mirror.example' }],
    [{ checks: '51' }],
    [{ checks: '0' }],
    [{ 'client-proxy': 'http://proxy.example/path' }],
    [{ 'client-proxy': 'proxy.example:3128' }],
    [{ clamd: 'a b' }],
    [{ databases: '../etc' }],
    [{ oldest: '0.99' }],
  ] as [Record<string, string>][])('do not take %j', (flags) => {
    expect(() => settings(flags)).toThrow(expect.objectContaining({ code: 'setting/invalid' }));
  });

  test('say which machine it is for', () => {
    expect(() => clientConfigSettings([MIRROR], { flags: {}, environment: {} })).toThrow(
      expect.objectContaining({ code: 'setting/invalid' }),
    );
  });

  test('let ClamAV be asked what it understands', () => {
    expect(settings({ fips: 'true', oldest: '1.5' }).fips).toBe(true);
    expect(RELEASES.map((release) => isKnownTo(release, 'FIPSCryptoHashLimits'))).toEqual([
      ...[false, false, false, true],
    ]);
    expect(sinceOf('DatabaseMirror')).toBe('0.103');
  });
});

test.each([
  'http:me:secret@proxy.example',
  'me:secret@proxy.example:3128',
  'http://me:se/secret@proxy.example',
])('a wrong address is told without its password: %s', (proxy) => {
  let refused: unknown;
  try {
    settings({ 'client-proxy': proxy });
  } catch (error) {
    refused = error;
  }
  expect(String(refused)).toContain('***@proxy.example');
  expect(String(refused)).not.toContain('secret');
});

test('an address is what begins with http:// or https:// as it is written', () => {
  const all = [
    'http://a',
    'https://a:1/b',
    'http:a',
    'HTTP://a',
    'http:///a',
    'http://\\a',
    'ftp://a',
    'http://',
  ];
  expect(all.filter(isHttp)).toEqual(['http://a', 'https://a:1/b']);
});

describe('site/clients.md', () => {
  const guide = readFileSync(join(REPOSITORY, 'site', 'clients.md'), 'utf8');

  test('names each kind of machine, with its paths', () => {
    for (const name of MACHINE_NAMES) {
      const { freshclamConf, clamdConf } = MACHINES[name];
      expect(guide).toContain(`| \`${name}\` |`);
      for (const path of [freshclamConf, clamdConf]) expect(guide).toContain(`\`${path}\``);
    }
  });

  test('says what each way costs as the table that is measured', () => {
    for (const [generation, ways] of Object.entries(COSTS))
      for (const [way, occasions] of Object.entries(ways)) {
        const cells = (['check', 'update', 'start'] as const).map((occasion) => {
          const pieces = occasions[occasion];
          return pieces.length === 0 ? 'none' : `${costOf(pieces, {}).requests}: ${pieces.join(', ')}`;
        });
        expect(guide).toContain(`| ${way} | ${generation} | ${cells.join(' | ')} |`);
      }
  });
});
