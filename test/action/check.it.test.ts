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
import { firstState, marker } from '../../scripts/notify/issue-state.ts';
import { mirrorId } from '../../scripts/notify/mirror-id.ts';
import { shell } from '../../scripts/setup/shell.ts';
import { type QuickCheck, quickCheck } from '../../scripts/watch/quick-check.ts';
import { checkSettings } from '../../scripts/watch/quick-check-settings.ts';
import { describeWithOfficial, official } from '../support/setup/official.ts';
import { describeWithDnsmasq, startNameserver } from '../support/web/dns.ts';

const root = new URL('../../', import.meta.url).pathname;
const NOW = new Date('2026-11-21T12:00:00Z');

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

const published = (version: number, more: object = {}) => ({
  format: 1,
  checked: '2026-11-21T11:23:45Z',
  databases: { test: { version, ...more } },
});

describeWithOfficial('the quick look', () => {
  beforeEach(async () => {
    answers.set('/upstream/test.cvd', { body: await readFile(official('test-6.cvd')) });
  });

  test('finds nothing to do when upstream has what is published, at two small requests', async () => {
    publish(published(6));
    expect(await look()).toEqual({ needed: false, reason: expect.stringContaining('2026-11-21T11:23:45Z') });
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
    expect(await look()).toEqual({ needed: true, reason: expect.stringMatching(reason) });
  });

  test('does not mind that a database which is not asked for was not checked for long', async () => {
    const { databases, ...manifest } = published(6, { checked: '2026-11-21T11:23:45Z' });
    const others = { old: { version: 1, checked: '2026-11-01T00:00:00Z' } };
    publish({ ...manifest, checked: '2026-11-20T00:00:00Z', databases: { ...others, ...databases } });
    expect(await look()).toEqual({ needed: false, reason: expect.stringContaining('11:23:45') });
  });

  test('wants a cycle when it cannot see what is published, or what upstream has', async () => {
    expect(await look()).toMatchObject({ needed: true, reason: expect.stringContaining('404') });
    expect(await look({ CLAMAV_MIRROR_PUBLIC_URL: '' })).toMatchObject({ needed: true });
    publish(published(6));
    answers.set('/upstream/test.cvd', { body: '<html>no database</html>' });
    expect(await look()).toMatchObject({ needed: true });
    expect(await look({ CLAMAV_MIRROR_UPSTREAM: 'http://127.0.0.1:9' })).toMatchObject({ needed: true });
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

  test('runs with Node alone: no package is installed', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'check-'));
    try {
      await cp(join(root, 'scripts'), join(folder, 'scripts'), { recursive: true });
      await cp(join(root, 'package.json'), join(folder, 'package.json'));
      publish({ ...published(6), checked: new Date().toISOString() });
      const [output, summary] = [join(folder, 'output'), join(folder, 'summary')];
      const env = environment({ GITHUB_OUTPUT: output, GITHUB_STEP_SUMMARY: summary });
      const { stdout } = await shell({ environment: env, folder })`${process.execPath} scripts/check.ts`;
      expect(stdout).toMatch(/^Nothing to do: /);
      expect(await readFile(output, 'utf8')).toBe('needed=false\n');
      expect(await readFile(summary, 'utf8')).toMatch(/Nothing to do/);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});

describe('the variables of the quick look', () => {
  test('are those of ClamAV itself without a word', () => {
    expect(checkSettings({ GITHUB_EVENT_NAME: 'schedule' })).toEqual({
      asked: undefined,
      publicUrl: undefined,
      upstream: 'https://database.clamav.net',
      databases: ['main', 'daily', 'bytecode'],
      record: 'current.cvd.clamav.net',
      nameservers: [],
      github: undefined,
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
      expect(await look({ ...names, CLAMAV_MIRROR_DATABASES: 'daily' })).toEqual({
        needed: true,
        reason: expect.stringMatching(/DNS names 7.*still has 6/),
      });
    });
  });
});
