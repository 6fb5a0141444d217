import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  onTestFinished,
  test,
  vi,
} from 'vitest';
import { ISSUES_BYTES } from '../../scripts/base/limits/github.ts';
import { QUICK_CHECK_MS } from '../../scripts/base/limits/mirror.ts';
import { PIN_GONE } from '../../scripts/engine/images/pin-gone.ts';
import { firstState, marker } from '../../scripts/notify/github/issue-state.ts';
import { mirrorId } from '../../scripts/notify/mirror-id.ts';
import { shell } from '../../scripts/setup/shell.ts';
import { type QuickCheck, quickCheck } from '../../scripts/watch/quick-check.ts';
import { checkSettings } from '../../scripts/watch/quick-check-settings.ts';
import { describeWithOfficial, official } from '../support/setup/official.ts';
import { describeWithDnsmasq, startNameserver } from '../support/web/dns.ts';
import { startRegistry } from '../support/web/registry.ts';

const root = new URL('../../', import.meta.url).pathname;
const NOW = new Date('2026-11-21T12:00:00Z');
const DOWN = { CLAMAV_MIRROR_UPSTREAM: 'http://127.0.0.1:9' };

const ofClass = (name: string) =>
  JSON.stringify([{ number: 7, labels: [{ name: 'clamav-mirror' }, { name: `clamav-mirror: ${name}` }] }]);

/** What each path is answered with; everything else is missing. */
let answers: Map<string, { status?: number; body: string | Uint8Array }>;
let asked: { path: string; range: string | undefined; authorization: string | undefined }[];
const server = createServer((request, response) => {
  const path = request.url ?? '';
  asked.push({ path, range: request.headers.range, authorization: request.headers.authorization });
  const { status = 200, body } = answers.get(path) ?? { status: 404, body: 'no such file' };
  response.writeHead(status).end(body);
});
let url = '';

beforeAll(async () => {
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => server.close());
beforeEach(() => {
  answers = new Map();
  asked = [];
});
afterEach(() => server.closeAllConnections());

const environment = (change: Record<string, string> = {}) => ({
  GITHUB_EVENT_NAME: 'schedule',
  CLAMAV_MIRROR_PUBLIC_URL: `${url}/mirror/`,
  CLAMAV_MIRROR_UPSTREAM: `${url}/upstream`,
  CLAMAV_MIRROR_DATABASES: 'test',
  ...change,
});
const look = async (change?: Record<string, string>): Promise<QuickCheck> =>
  await quickCheck(checkSettings(environment(change)), NOW);

function publish(manifest: unknown): void {
  answers.set('/mirror/manifest.json', { body: JSON.stringify(manifest) });
}

const OF_ANOTHER = marker(
  firstState('proof', '01234567', { id: 1, attempt: 1, url: '', workflow: undefined }, NOW),
);

const published = (version: number, more: object = {}) => ({
  format: 1,
  checked: '2026-11-21T11:23:45Z',
  databases: { test: { version, ...more } },
});

test.each([
  ['a resolver in the place of the record', { DNS: 'https://resolver.example/dns-query' }],
  ['a resolver among the nameservers', { NAMESERVERS: '192.0.2.1,https://resolver.example/dns-query' }],
])('%s is for the cycle: to ask over HTTPS takes packages', (_, given) => {
  const variables = Object.entries(given).map(([name, value]) => [`CLAMAV_MIRROR_${name}`, value]);
  expect(checkSettings(Object.fromEntries(variables)).record).toBeUndefined();
});

describeWithOfficial('the quick look', () => {
  beforeEach(async () => {
    answers.set('/upstream/test.cvd', { body: await readFile(official('test-6.cvd')) });
  });

  test('finds nothing to do when upstream has what is published, at two small requests', async () => {
    publish(published(6));
    expect(await look()).toMatchObject({
      needed: false,
      reason: expect.stringContaining('2026-11-21T11:23:45Z'),
    });
    expect(asked).toMatchObject([
      { path: '/mirror/manifest.json' },
      { path: '/upstream/test.cvd', range: 'bytes=0-511' },
    ]);
  });

  test.each([
    ['upstream has another version', published(5), /5 is published, upstream has 6/],
    ['upstream went back', published(7), /7 is published, upstream has 6/],
    ['a database is not published', { ...published(6), databases: {} }, /not published/],
    ['the mirror was not checked for long', { ...published(6), checked: '2026-11-21T05:59:00Z' }, /05:59/],
    ['the mirror was checked in the future', { ...published(6), checked: '2026-11-22T00:00:00Z' }, /22T00/],
    [
      'one database was not checked for long, though others were',
      published(6, { checked: '2026-11-21T05:59:00Z' }),
      /test was checked .*05:59/,
    ],
    ['its time makes no sense', { ...published(6), checked: 'yesterday' }, /cannot be understood/],
    ['the manifest is of another format', { ...published(6), format: 2 }, /cannot be understood/],
    ['the manifest is none', 'a page', /cannot be understood/],
  ])('wants a cycle when %s', async (_, manifest, reason) => {
    publish(manifest);
    expect(await look()).toMatchObject({ needed: true, reason: expect.stringMatching(reason) });
  });

  test('asks the next upstream if the first gives no answer, and nobody else', async () => {
    publish(published(6));
    const upstreams = `http://127.0.0.1:9/,${url}/gone,${url}/upstream,${url}/third`;
    expect(await look({ CLAMAV_MIRROR_UPSTREAM: upstreams })).toMatchObject({ needed: false });
    expect(asked.map(({ path }) => path)).toEqual([
      ...['/mirror/manifest.json', '/gone/test.cvd', '/upstream/test.cvd'],
    ]);
  });

  test('does not mind that a database which is not asked for was not checked for long', async () => {
    const { databases, ...manifest } = published(6, { checked: '2026-11-21T11:23:45Z' });
    const others = { old: { version: 1, checked: '2026-11-01T00:00:00Z' } };
    publish({ ...manifest, checked: '2026-11-20T00:00:00Z', databases: { ...others, ...databases } });
    expect(await look()).toMatchObject({ needed: false, reason: expect.stringContaining('11:23:45') });
  });

  test('wants a cycle when it cannot see what is published, or what upstream has', async () => {
    expect(await look()).toMatchObject({ needed: true, reason: expect.stringContaining('404') });
    expect(await look({ CLAMAV_MIRROR_PUBLIC_URL: '' })).toMatchObject({ needed: true });
    publish(published(6));
    answers.set('/upstream/test.cvd', { body: '<html>no database</html>' });
    expect(await look()).toMatchObject({ needed: true });
    expect(await look({ CLAMAV_MIRROR_UPSTREAM: 'http://127.0.0.1:9' })).toMatchObject({ needed: true });
  });

  test.each([
    ['upstream has another version', published(5), {}, true],
    ['nothing is published', { ...published(6), databases: {} }, {}, true],
    ['somebody asks for it', published(6), { GITHUB_EVENT_NAME: 'workflow_dispatch' }, true],
    [
      'the mirror was not checked for three hours',
      published(6, { checked: '2026-11-21T09:24:00Z' }),
      {},
      false,
    ],
    ['it was not, and upstream is down', published(6, { checked: '2026-11-21T09:24:00Z' }), DOWN, false],
    ['upstream is down', published(6), DOWN, false],
    ['it cannot see what is published', published(6), { CLAMAV_MIRROR_PUBLIC_URL: '' }, false],
  ])('says whether engines are needed when %s', async (_, manifest, change, proof) => {
    publish(manifest);
    expect(await look(change)).toMatchObject({ needed: true, proof });
  });

  test('finds news that come when a check is due anyway', async () => {
    publish(published(5, { checked: '2026-11-21T09:24:00Z' }));
    expect(await look()).toMatchObject({ proof: true, reason: expect.stringContaining('has 6') });
  });

  test.each([
    ['two hours and 20 minutes', '2026-11-21T09:40:00Z', false],
    [
      'two hours and 40 minutes, which the next run would find to be more than three',
      '2026-11-21T09:20:00Z',
      true,
    ],
  ])('has the last check confirmed after %s: %s', async (_, checked, needed) => {
    publish(published(6, { checked }));
    expect(await look()).toMatchObject({ needed, proof: false });
  });

  test('leaves a database that is held where it is', async () => {
    publish(published(5, { held: { since: '2026-11-20T00:00:00Z', reason: 'a false alarm' } }));
    expect(await look()).toMatchObject({ needed: false });
  });

  test('asks upstream itself when the nameserver is silent', async () => {
    publish(published(5));
    const change = { CLAMAV_MIRROR_DNS: 'none.invalid', CLAMAV_MIRROR_NAMESERVERS: '127.0.0.1:9' };
    expect(await look(change)).toMatchObject({ needed: true, reason: expect.stringContaining('has 6') });
  });

  test.each([
    ['somebody asks for it', { GITHUB_EVENT_NAME: 'workflow_dispatch' }],
    ['somebody says that there are news', { GITHUB_EVENT_NAME: 'repository_dispatch' }],
    ['the command is another one', { CLAMAV_MIRROR_COMMAND: 'resync' }],
  ])('wants a run when %s, whatever is published', async (_, change) => {
    publish(published(6));
    expect(await look(change)).toMatchObject({ needed: true });
    expect(asked).toEqual([]);
  });

  test('wants a cycle when there is no answer in its time', async () => {
    publish(published(6));
    const timeout = vi.spyOn(AbortSignal, 'timeout').mockImplementation(() => AbortSignal.abort());
    onTestFinished(() => timeout.mockRestore());
    expect(await look()).toMatchObject({ needed: true });
    expect(timeout).toHaveBeenCalledWith(QUICK_CHECK_MS);
  });

  describe('where an issue tells of a failure', () => {
    const github = () => ({
      GITHUB_API_URL: url,
      GITHUB_REPOSITORY: 'owner/name',
      CLAMAV_MIRROR_GITHUB_TOKEN: 'ghs_token',
    });
    const issues = (...labels: string[]) => {
      const body = JSON.stringify([
        { number: 7, labels: ['clamav-mirror', ...labels].map((name) => ({ name })) },
      ]);
      answers.set('/repos/owner/name/issues?state=open&labels=clamav-mirror&per_page=100', { body });
    };

    test.each(['upstream', 'integrity', 'proof', 'publication', 'configuration'])(
      'wants a cycle that closes %s',
      async (failed) => {
        publish(published(6));
        issues(`clamav-mirror: ${failed}`);
        expect(await look(github())).toMatchObject({ needed: true, reason: expect.stringContaining('#7') });
        expect(asked.at(-1)?.authorization).toBe('Bearer ghs_token');
      },
    );

    test('needs none for what the watchdog closes, nor for other issues', async () => {
      publish(published(6));
      issues('clamav-mirror: stale');
      expect(await look(github())).toMatchObject({ needed: false });
      issues('question');
      expect(await look(github())).toMatchObject({ needed: false });
    });

    test.each([
      ['one of ours is open', 'clamav-mirror: engine', true],
      ['one of ours was opened by the watchdog', 'clamav-mirror: stale', true],
    ])('says to a run with news that there is one to close: %s', async (_, label, issue) => {
      publish(published(5));
      issues(label);
      expect(await look(github())).toMatchObject({ needed: true, proof: true, issue });
    });

    test('does not take the issue about a pinned image that is gone for one about the mirror', async () => {
      const about = { id: 1, attempt: 1, url, workflow: undefined };
      const body = marker({
        ...firstState('configuration', mirrorId(environment()), about, NOW),
        code: PIN_GONE,
      });
      const labels = [{ name: 'clamav-mirror' }, { name: 'clamav-mirror: configuration' }];
      answers.set('/repos/owner/name/issues?state=open&labels=clamav-mirror&per_page=100', {
        body: JSON.stringify([{ number: 7, labels, body }]),
      });
      const pinging = { ...github(), CLAMAV_MIRROR_HEALTHCHECK_URL: `${url}/ping` };
      publish(published(6));
      expect(await look(pinging)).toMatchObject({ needed: false, ping: true });
      publish(published(6, { checked: '2026-11-21T09:00:00Z' }));
      expect(await look(pinging)).toMatchObject({ needed: true, proof: false, issue: false });
      publish(published(5));
      expect(await look(pinging)).toMatchObject({ needed: true, proof: true, issue: true });
    });

    test('says that there is none, also where issues are switched off, and that there may be one in doubt', async () => {
      publish(published(5));
      const answer = (status: number, body: string) =>
        answers.set('/repos/owner/name/issues?state=open&labels=clamav-mirror&per_page=100', {
          status,
          body,
        });
      answer(200, '[]');
      expect(await look(github())).toMatchObject({ needed: true, issue: false });
      answer(410, '{"message":"Issues has been disabled in this repository."}');
      expect(await look(github())).toMatchObject({ needed: true, issue: false });
      answer(503, '');
      expect(await look(github())).toMatchObject({ needed: true, proof: true, issue: true });
      answer(200, JSON.stringify(Array.from({ length: 100 }, () => ({ body: OF_ANOTHER }))));
      expect(await look(github())).toMatchObject({ needed: true, issue: true });
      expect(await look()).toMatchObject({ needed: true, issue: true });
      publish(published(6));
      answer(410, '');
      expect(await look(github())).toMatchObject({ needed: false, issue: false });
      answer(503, '');
      expect(await look(github())).toMatchObject({ needed: true, proof: false, issue: true });
    });

    test('leaves those of another mirror to that', async () => {
      publish(published(6));
      const waiting = (mirror: string) => ({
        number: 7,
        labels: [{ name: 'clamav-mirror: proof' }],
        body: marker(firstState('proof', mirror, { id: 1, attempt: 1, url, workflow: undefined }, NOW)),
      });
      const answer = (...bodies: object[]) =>
        answers.set('/repos/owner/name/issues?state=open&labels=clamav-mirror&per_page=100', {
          body: JSON.stringify(bodies),
        });
      answer(waiting(mirrorId({ CLAMAV_MIRROR_PUBLIC_URL: 'https://other.example' })));
      expect(await look(github())).toMatchObject({ needed: false });
      answer(waiting(mirrorId(environment())));
      expect(await look(github())).toMatchObject({ needed: true });
    });

    test('wants a cycle if it finds a list of issues without an end', async () => {
      publish(published(6));
      const path = '/repos/owner/name/issues?state=open&labels=clamav-mirror&per_page=100';
      answers.set(path, { body: '[]'.padEnd(ISSUES_BYTES) });
      expect(await look(github())).toMatchObject({ needed: false });
      answers.set(path, { body: '[]'.padEnd(ISSUES_BYTES + 1) });
      expect(await look(github())).toMatchObject({
        needed: true,
        reason: expect.stringContaining('too large'),
      });
    });

    test('shows its token to nobody else', async () => {
      publish(published(6));
      issues();
      await look(github());
      const others = asked.filter(({ path }) => !path.startsWith('/repos/'));
      expect(others.map(({ authorization }) => authorization)).toEqual([undefined, undefined]);
    });
  });

  describe('with a healthcheck', () => {
    const SECRET = '6f0b0e0c-secret';
    const ISSUES = '/repos/owner/name/issues?state=open&labels=clamav-mirror&per_page=100';
    const watched = (every?: string) => ({
      GITHUB_API_URL: url,
      GITHUB_REPOSITORY: 'owner/name',
      CLAMAV_MIRROR_GITHUB_TOKEN: 'ghs_token',
      CLAMAV_MIRROR_HEALTHCHECK_URL: `${url}/${SECRET}`,
      ...(every !== undefined && { CLAMAV_MIRROR_HEALTHCHECK_EVERY: every }),
    });
    const hoursAgo = (hours: number) =>
      published(6, { checked: new Date(NOW.getTime() - hours * 3_600_000).toISOString() });
    beforeEach(() => void answers.set(ISSUES, { body: '[]' }));

    test.each([
      ['an hour after a cycle, without a word', 0.9, undefined, true],
      ['two hours after it', 1.9, undefined, true],
      ['not minutes after it, for it has pinged', 0.2, undefined, false],
      ['each two hours', 0.9, '2', false],
      ['each two hours, when they are over', 1.9, '2', true],
      ['each run', 0.2, '0', true],
      ['never before the next cycle', 2.4, '3', false],
      ['an hour after a cycle in spite of a word that is no number', 0.9, 'soon', true],
    ])('may tell it that all is well: %s', async (_, hours, every, ping) => {
      publish(hoursAgo(hours));
      expect(await look(watched(every))).toMatchObject({ needed: false, ping });
    });

    test.each([
      ['there is news', published(5), '[]'],
      ['the last cycle is long ago', hoursAgo(4), '[]'],
      ['an issue waits for a good cycle', hoursAgo(0.9), ofClass('publication')],
      ['an issue says that engines do not work', hoursAgo(0.9), ofClass('engine')],
      ['the watchdog has opened one', hoursAgo(0.9), ofClass('stale')],
      ['GitHub does not tell of issues', hoursAgo(0.9), 'a page'],
    ])('says nothing to it when %s', async (_, manifest, body) => {
      publish(manifest);
      answers.set(ISSUES, { body });
      expect(await look(watched())).toMatchObject({ ping: false });
    });

    test('tells it at the price of one more request, with no word of it in the log', async () => {
      const run = async (status: number) => {
        asked.length = 0;
        answers.set(`/${SECRET}`, { status, body: 'OK' });
        return await runAlone({ ...watched('0'), CLAMAV_MIRROR_PUBLIC_URL: `${url}/mirror` });
      };
      const { said, output } = await run(200);
      expect(asked.map(({ path }) => path)).toEqual([
        '/mirror/manifest.json',
        '/upstream/test.cvd',
        ISSUES,
        `/${SECRET}`,
      ]);
      expect(said).toContain('the healthcheck was pinged');
      expect(output).toBe('needed=false\nproof=false\nissue=false\n');
      const failed = await run(404);
      expect(failed.said).toContain('it answers 404');
      expect(failed.output).toBe(output);
      expect(`${said}${failed.said}`).not.toContain(SECRET);
    });
  });

  test('runs with Node alone: no package is installed', async () => {
    const { said, output } = await runAlone({});
    expect(said).toMatch(/^Nothing to do: /);
    expect(said).toMatch(/✅ Nothing to do/);
    expect(output).toBe('needed=false\nproof=false\nissue=true\n');
  });

  test('asks the registry for the pinned images with Node alone too, if a cycle is needed', async () => {
    await using registry = await startRegistry();
    const at = (rest: string) => `${registry.host}/clamav/clamav:${rest}`;
    registry.push('a newer one', '1.5');
    const newest = at(`1.5.4@sha256:${'0'.repeat(64)}`);
    const oldest = at(`1.4@${registry.push('the oldest', '1.4')}`);
    const images = { CLAMAV_MIRROR_NEWEST_IMAGE: newest, CLAMAV_MIRROR_OLDEST_IMAGE: oldest };
    await runAlone(images);
    expect(registry.requests).toEqual([]);
    const { said, output } = await runAlone({ ...images, CLAMAV_MIRROR_COMMAND: 'resync' });
    expect(output).toContain(`\nnewest-image=${at('1.5')}\noldest-image=${oldest}\nreport={`);
    expect(said).toContain(`goes on with ${at('1.5')}`);
  });

  /** The entry itself in a folder without packages, right after a cycle: all that it says, and its outputs. */
  async function runAlone(change: Record<string, string>): Promise<{ said: string; output: string }> {
    const folder = await mkdtemp(join(tmpdir(), 'check-'));
    try {
      await cp(join(root, 'scripts'), join(folder, 'scripts'), { recursive: true });
      await cp(join(root, 'package.json'), join(folder, 'package.json'));
      const [output, summary] = [join(folder, 'output'), join(folder, 'summary')];
      publish({ ...published(6), checked: new Date().toISOString() });
      const env = environment({ ...change, GITHUB_OUTPUT: output, GITHUB_STEP_SUMMARY: summary });
      const { stdout, stderr } = await shell({
        environment: env,
        folder,
      })`${process.execPath} scripts/check.ts`;
      const said = `${stdout}${stderr}${await readFile(summary, 'utf8')}`;
      return { said, output: await readFile(output, 'utf8') };
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
});

describe('the variables of the quick look', () => {
  test('are those of ClamAV itself without a word', () => {
    expect(checkSettings({ GITHUB_EVENT_NAME: 'schedule' })).toEqual({
      asked: undefined,
      publicUrl: undefined,
      upstreams: ['https://database.clamav.net'],
      databases: ['main', 'daily', 'bytecode'],
      record: 'current.cvd.clamav.net',
      nameservers: [],
      github: undefined,
      healthcheck: undefined,
      images: { newest: undefined, oldest: undefined },
      network: { proxy: undefined, noProxy: '', caFile: undefined },
      output: undefined,
      summary: undefined,
    });
  });
});

describeWithOfficial('the quick look', () => {
  describeWithDnsmasq('with a nameserver', () => {
    test('takes what DNS says for some hours only, and asks upstream after that', async () => {
      const epoch = Math.floor(NOW.getTime() / 1000);
      await using nameserver = await startNameserver({ 'current.example': [`0.103:1:6:${epoch}:1:90:1:1`] });
      answers.set('/upstream/daily.cvd', { body: await readFile(official('test-6.cvd')) });
      const change = { CLAMAV_MIRROR_DNS: 'current.example', CLAMAV_MIRROR_NAMESERVERS: nameserver.address };
      const daily = (at?: string) => ({
        ...published(6),
        databases: { daily: { version: 6, ...(at !== undefined && { seen: { at, version: 6 } }) } },
      });
      const requests = async (manifest: unknown) => {
        asked.length = 0;
        publish(manifest);
        expect(await look({ ...change, CLAMAV_MIRROR_DATABASES: 'daily' })).toMatchObject({ needed: false });
        return asked.map(({ path }) => path);
      };
      expect(await requests(daily('2026-11-21T11:23:45Z'))).toEqual(['/mirror/manifest.json']);
      expect(await requests(daily('2026-11-21T05:59:00Z'))).toContain('/upstream/daily.cvd');
      expect(await requests(daily())).toContain('/upstream/daily.cvd');
    });

    test('wants a cycle when DNS is ahead of the header that upstream gives', async () => {
      const epoch = Math.floor(NOW.getTime() / 1000);
      await using nameserver = await startNameserver({ 'current.example': [`0.103:1:7:${epoch}:1:90:1:1`] });
      answers.set('/upstream/daily.cvd', { body: await readFile(official('test-6.cvd')) });
      publish({ ...published(6), databases: { daily: { version: 6 } } });
      const names = { CLAMAV_MIRROR_DNS: 'current.example', CLAMAV_MIRROR_NAMESERVERS: nameserver.address };
      expect(await look({ ...names, CLAMAV_MIRROR_DATABASES: 'daily' })).toMatchObject({
        needed: true,
        reason: expect.stringMatching(/DNS names 7.*still has 6/),
      });
    });
  });
});
