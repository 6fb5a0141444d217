import { cp, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startHost } from '../../scripts/host/host.ts';
import { parseRunReport } from '../../scripts/notify/run-report.ts';
import { failing, well } from '../notify/support.ts';
import { trusting } from '../support/clamav/engines.ts';
import { type FakeGitHub, type GitHubFault, type GitHubOptions, startGitHub } from '../support/github/api.ts';
import {
  describeMirror,
  namesIn,
  offer,
  startMirror,
  type TestMirror,
  versionOf,
} from '../support/mirror/cycle.ts';
import { startUpstream, type TestUpstream } from '../support/mirror/upstream.ts';
import { official } from '../support/setup/official.ts';
import { type ActionRun, action, type Caller, type Inputs, startCaller } from './support.ts';

/** What was asked of a service like healthchecks.io. */
let pings: string[];
const service = createServer((request, response) => {
  pings.push(request.url ?? '');
  request.resume().on('end', () => response.end('OK'));
});
let healthcheck = '';
beforeAll(async () => {
  await new Promise<void>((done) => service.listen(0, '127.0.0.1', done));
  healthcheck = `http://127.0.0.1:${(service.address() as AddressInfo).port}/ping/1b671a64`;
});
afterAll(() => service.close());
beforeEach(() => {
  pings = [];
});

const inputsOf = (mirror: TestMirror, change: Inputs = {}): Inputs => ({
  upstream: mirror.upstream.url,
  databases: 'test',
  store: mirror.store,
  engines: 'native',
  ...change,
});

/** Without the word that what came is asked for once more. */
const errorsOf = ({ annotations }: ActionRun) => annotations.filter(({ level }) => level === 'error');

/** Upstream offers version 6 with a header that nobody signed. */
async function spoil(mirror: TestMirror): Promise<void> {
  offer(mirror, 6);
  const bytes = await readFile(official('test-6.cvd'));
  const [signed = '', ...rest] = bytes.toString('latin1', 0, 512).split(/(?<=:[0-9a-f]{32}:)/);
  const signature = rest.join('').replace(/^./, (first) => (first === 'A' ? 'B' : 'A'));
  bytes.write(signed + signature, 'latin1');
  mirror.upstream.set('test.cvd', bytes);
  mirror.upstream.remove('test-6.cdiff');
}

function requireDeclared({ outputs }: ActionRun): void {
  expect(Object.keys(action.outputs)).toEqual(expect.arrayContaining(Object.keys(outputs)));
}

/** A report travels as an output and is one. */
const reported = ({ outputs }: ActionRun) => parseRunReport(outputs.report ?? '');

describeMirror('the action, called as the runner calls it,', () => {
  describe('for the life of a mirror in a folder', () => {
    let mirror: TestMirror;
    let caller: Caller;
    const call = async (change: Inputs = {}) => {
      const ended = await caller.call(inputsOf(mirror, change));
      requireDeclared(ended);
      return ended;
    };
    beforeAll(async () => {
      mirror = await startMirror(5);
      caller = await startCaller();
    });
    afterAll(async () => {
      await caller[Symbol.asyncDispose]();
      await mirror[Symbol.asyncDispose]();
    });

    test('publishes what upstream has, proven by the ClamAV of the machine, and pings', async () => {
      const ended = await call({ 'healthcheck-url': healthcheck });
      expect(ended.exitCode, ended.log).toBe(0);
      expect(ended.outputs).toMatchObject({
        outcome: 'published',
        versions: '{"test":5}',
        changed: 'test',
        'manifest-url': '',
      });
      expect(Number(ended.outputs['upstream-bytes'])).toBeGreaterThan(500);
      expect(ended.outputs['dns-txt']).toMatch(/^\d+:\d+:/);
      expect(JSON.parse(await readFile(ended.outputs['proof-path'] ?? '', 'utf8'))).toMatchObject({
        passed: true,
      });
      expect(reported(ended)).toMatchObject({
        failures: [],
        serving: { versions: { test: 5 } },
        upstream: { test: 5 },
      });
      expect(ended.summary).toMatch(/^## ✅ Published/);
      expect(ended.annotations).toEqual([]);
      expect(ended.said.filter((line) => line.startsWith('::group::')).length).toBeGreaterThan(1);
      expect(await versionOf(mirror.store)).toBe(5);
      expect(pings).toEqual(['/ping/1b671a64']);
      expect(await namesIn(caller.folder)).toEqual([]);
    });

    test('finds nothing new', async () => {
      const ended = await call();
      expect(ended.exitCode).toBe(0);
      expect(ended.outputs).toMatchObject({ outcome: 'unchanged', changed: '', 'proof-path': '' });
      expect(reported(ended)?.recovered).toContain('integrity');
      expect(pings).toEqual([]);
    });

    test('refuses what is not genuine: exit code 3, an annotation, a ping of failure', async () => {
      await spoil(mirror);
      const ended = await call({ 'healthcheck-url': healthcheck });
      expect(ended.exitCode).toBe(3);
      expect(ended.outputs).toMatchObject({ outcome: 'refused', versions: '{"test":5}', changed: '' });
      expect(errorsOf(ended)).toMatchObject([
        { level: 'error', properties: { title: expect.stringMatching(/^integrity: /) } },
      ]);
      expect(reported(ended)).toMatchObject({ failures: [{ class: 'integrity' }] });
      expect(ended.summary).toMatch(/^## ⛔ Refused/);
      expect(await versionOf(mirror.store)).toBe(5);
      expect(pings).toEqual(['/ping/1b671a64/fail']);
    });

    test('does everything but publish in a dry run, and takes all anew in a resync', async () => {
      offer(mirror, 6);
      const dry = await call({ 'dry-run': 'true', retry: 'true' });
      expect(dry.outputs, dry.log).toMatchObject({ outcome: 'proven', versions: '{"test":5}' });
      const anew = await call({ command: 'resync', accept: 'upstream was mended' });
      expect(anew.exitCode, anew.log).toBe(0);
      expect(anew.outputs).toMatchObject({ outcome: 'published', versions: '{"test":6}' });
      expect(anew.summary).toContain('| test | 5 | 6 | downloaded |');
    });

    test('rolls back and releases', async () => {
      const back = await call({ command: 'rollback', database: 'test', to: '5', reason: 'a false alarm' });
      expect(back.exitCode, back.log).toBe(0);
      expect(back.outputs).toMatchObject({ outcome: 'published', versions: '{"test":5}', changed: 'test' });
      expect(back.summary).toContain('a false alarm');
      expect(back.told).toMatch(/^warning: clients that already have version 6 keep it/);
      expect(await versionOf(mirror.store)).toBe(5);
      const released = await call({ command: 'release', database: 'test' });
      expect(released.exitCode, released.log).toBe(0);
      expect(released.outputs).toMatchObject({ outcome: 'released', versions: '{"test":5}' });
      const again = await call({ command: 'release', database: 'test' });
      expect(again.exitCode).toBe(1);
      expect(again.told).toMatch(/^error: /);
    });
  });

  describe('for a mirror that is published', () => {
    let mirror: TestMirror;
    let caller: Caller;
    beforeAll(async () => {
      mirror = await startMirror();
      await mirror.sync({ openProver: async () => trusting });
      caller = await startCaller();
    });
    afterAll(async () => {
      await caller[Symbol.asyncDispose]();
      await mirror[Symbol.asyncDispose]();
    });

    test('verifies every byte of it', async () => {
      const good = await caller.call({ command: 'verify', store: mirror.store });
      expect(good.exitCode, good.log).toBe(0);
      expect(good.outputs.outcome).toBe('proven');
      expect(good.summary).toMatch(/^## ✅ All \d+ files proven/);
      const copy = join(caller.folder, 'damaged');
      await cp(mirror.store, copy, { recursive: true });
      const path = join(copy, 'test-4.cdiff');
      const bytes = await readFile(path);
      bytes[100] = (bytes[100] ?? 0) ^ 1;
      await writeFile(path, bytes);
      const bad = await caller.call({ command: 'verify', store: copy });
      expect(bad.exitCode).toBe(3);
      expect(bad.outputs.outcome).toBe('refused');
      expect(bad.told).toMatch(/^warning: test-4\.cdiff: unproven/);
      expect(bad.summary).toMatch(/^## ⛔ 2 of \d+ files NOT proven/);
      expect(reported(bad)?.failures).toMatchObject([{ class: 'host', code: 'verify/tree' }]);
      const none = await caller.call({ command: 'verify', store: join(copy, 'nowhere') });
      expect(none.exitCode).toBe(3);
      expect(none.told).toMatch(/^error: /m);
    });

    test('probes it, and never shows the password of its address', async () => {
      await using host = await startUpstream(mirror.store);
      const url = host.url.replace('//', '//reader:s3cr%65t@');
      const good = await caller.call({ command: 'probe', url });
      expect(good.exitCode, good.log).toBe(0);
      expect(good.outputs).toMatchObject({ outcome: 'good', versions: '{"test":6}' });
      expect(good.summary).toMatch(/^## ✅ Probe of http/);
      host.fail('test-3.cdiff', { status: 500 });
      const bad = await caller.call({ command: 'probe', url: '', 'public-url': host.url });
      expect(bad.exitCode).toBe(1);
      expect(bad.outputs.outcome).toBe('failed');
      expect(bad.summary).toMatch(/^## ❌ Probe of/);
      expect(bad.told).toContain('test-3.cdiff');
      expect(reported(good)?.recovered).toEqual(['host']);
      expect(reported(bad)?.failures).toMatchObject([{ class: 'host', code: 'probe/host' }]);
      for (const ended of [good, bad]) expectHidden(ended, 's3cret', 's3cr%65t');
      expect(
        good.said.filter((line) => line.includes('s3cr')).every((line) => line.startsWith('::add-mask::')),
      ).toBe(true);
    });

    test('brings a job that scans its databases', async () => {
      await using host = await startHost({ folder: mirror.store });
      const ended = await caller.call({ command: 'client', url: host.url, engines: 'native' });
      expect(ended.exitCode, ended.log).toBe(0);
      const { outputs } = ended;
      expect(outputs).toMatchObject({ outcome: 'updated', versions: '{"test":6}' });
      expect(await versionOf(outputs['database-folder'] ?? '')).toBe(6);
      expect(await readFile(outputs['freshclam-conf'] ?? '', 'utf8')).toContain(`DatabaseMirror ${host.url}`);
      expect(ended.summary).toContain('| test | 6 | whole |');
    });
  });

  describe('whose failure is to become an issue', () => {
    let mirror: TestMirror;
    beforeAll(async () => {
      mirror = await startMirror(5);
      await mirror.sync({ openProver: async () => trusting });
      await spoil(mirror);
    });
    afterAll(async () => await mirror[Symbol.asyncDispose]());

    async function refused(github: FakeGitHub, change: Inputs = {}): Promise<ActionRun> {
      await using caller = await startCaller(github);
      const ended = await caller.call(
        inputsOf(mirror, { issues: 'true', 'github-token': github.token, ...change }),
      );
      requireDeclared(ended);
      expect(ended.exitCode, ended.log).toBe(3);
      expect(ended.outputs.outcome).toBe('refused');
      expect(errorsOf(ended)[0]).toMatchObject({
        level: 'error',
        properties: { title: expect.stringMatching(/^integrity: /) },
      });
      expect(ended.summary).toMatch(/^## ⛔ Refused/);
      return ended;
    }

    test('names the issue that it opened', async () => {
      await using github = await startGitHub();
      const ended = await refused(github, { 'healthcheck-url': healthcheck });
      expect(ended.outputs['issue-number']).toBe('1');
      expect(github.issues).toMatchObject([
        { state: 'open', labels: ['clamav-mirror', 'clamav-mirror: integrity'] },
      ]);
      expect(github.issues[0]?.body).toContain('/actions/runs/1001/attempts/1');
      expect(pings).toEqual(['/ping/1b671a64/fail']);
      expectHidden(ended, github.token, healthcheck);
      expect(ended.said.slice(0, 2).every((line) => line.startsWith('::add-mask::'))).toBe(true);
    });

    test.for<[string, GitHubOptions, GitHubFault | undefined, RegExp]>([
      ['lets the token not write', { canWriteIssues: false }, undefined, /answered 403.*issues: write/],
      ['has issues turned off', { hasIssues: false }, undefined, /answered 410.*Turn them on/],
      [
        'limits how often we may ask',
        {},
        { status: 429, headers: { 'retry-after': '3600' } },
        /limits how often/,
      ],
      ['is down', {}, { on: /issues/ }, /gave no usable answer/],
    ])('stays visible, and the exit code its own, where GitHub %s', async ([, options, fault, why]) => {
      await using github = await startGitHub(options);
      if (fault !== undefined) github.fault(fault);
      const { annotations, outputs } = await refused(github);
      const warning = annotations.find(({ message }) => message.startsWith('No issue reports this failure'));
      expect(warning).toMatchObject({ level: 'warning', message: expect.stringMatching(why) });
      expect(warning?.message).toMatch(/The failure: integrity \(/);
      expect(outputs).not.toHaveProperty('issue-number');
      expect(github.issues).toEqual([]);
    });
  });
});

describe('the action, as the last job,', () => {
  const call = async (github: FakeGitHub, needs: unknown): Promise<ActionRun> => {
    await using caller = await startCaller(github);
    const text = typeof needs === 'string' ? needs : JSON.stringify(needs);
    const ended = await caller.call({ command: 'notify', 'github-token': github.token, needs: text });
    requireDeclared(ended);
    return ended;
  };

  test('opens an issue of what the job before it reported, and closes it when that is well', async () => {
    await using github = await startGitHub();
    const mirror = (result: string, report: unknown) => ({
      mirror: { result, outputs: { report: JSON.stringify(report) } },
    });
    const opened = await call(github, {
      check: { result: 'success', outputs: {} },
      ...mirror('failure', failing('proof')),
    });
    expect(opened.exitCode, opened.log).toBe(0);
    expect(opened.outputs).toEqual({ outcome: 'notified', 'issue-number': '1' });
    expect(opened.summary).toContain('#1');
    expect(github.issues).toMatchObject([{ state: 'open' }]);
    const closed = await call(github, mirror('success', well('proof')));
    expect(closed.outputs).toEqual({ outcome: 'notified', 'issue-number': '' });
    expect(github.issues).toMatchObject([{ state: 'closed', reason: 'completed' }]);
  });

  test('tells of a job that was cancelled before it could report', async () => {
    await using github = await startGitHub();
    for (const id of [1, 2]) github.runs.push({ id, conclusion: 'cancelled', at: new Date().toISOString() });
    const { outputs } = await call(github, { mirror: { result: 'cancelled', outputs: {} } });
    expect(outputs['issue-number']).toBe('1');
    expect(github.issues[0]?.labels).toContain('clamav-mirror: publication');
  });

  test.each(['{', '[]', '{"mirror":{"result":"odd"}}'])('refuses needs that are none: %s', async (needs) => {
    await using github = await startGitHub();
    const ended = await call(github, needs);
    expect(ended.exitCode).toBe(2);
    expect(ended.told).toMatch(/^error: the input needs (is not|names no) /);
    expect(github.requests).toEqual([]);
  });
});

describe('the inputs of the action', () => {
  let caller: Caller;
  let upstream: TestUpstream;
  beforeAll(async () => {
    upstream = await startUpstream();
    caller = await startCaller();
  });
  afterAll(async () => {
    await caller[Symbol.asyncDispose]();
    await upstream[Symbol.asyncDispose]();
  });
  async function refused(change: Inputs): Promise<ActionRun> {
    const ended = await caller.call({ upstream: upstream.url, databases: 'test', ...change });
    expect(ended.exitCode).toBe(2);
    expect(ended.outputs.outcome).toBe('failed');
    expect(reported(ended)).toMatchObject({
      failures: [{ class: 'configuration', code: 'setting/invalid' }],
    });
    expect(ended.annotations).toMatchObject([
      { level: 'error', properties: { title: 'configuration: setting/invalid' } },
    ]);
    expect(ended.summary).toMatch(/^## ❌ Failed/);
    expect(upstream.requests).toEqual([]);
    expect(await namesIn(caller.folder)).toEqual([]);
    return ended;
  }

  test('are all looked at before anything is done, and all that are wrong are named', async () => {
    const ended = await refused({
      databases: '../daily',
      'max-size': 'huge',
      engines: 'podman',
      'public-url': 'clamav.example',
      's3-path-style': 'maybe',
      issues: 'yes',
      'healthcheck-url': 'ftp://ping.example/1b671a64',
    });
    for (const name of [
      'databases',
      'max-size',
      'engines',
      'public-url',
      's3-path-style',
      'issues',
      'healthcheck-url',
    ]) {
      expect(ended.told).toContain(`the input ${name} `);
    }
    expectHidden(ended, 'ftp://ping.example/1b671a64', 'ping.example');
  });

  test('that are wrong are a cycle that failed, for who waits for its ping', async () => {
    await refused({ 'max-size': 'huge', 'healthcheck-url': healthcheck });
    expect(pings).toEqual(['/ping/1b671a64/fail']);
  });

  test.each<[string, Inputs, string[]]>([
    ['a command that there is not', { command: 'mirror', cache: 'perhaps' }, ['command', 'cache']],
    ['no mirror to look at', { command: 'probe', databases: '.' }, ['url', 'databases']],
    ['no mirror to take from', { command: 'client', 'max-age': 'old' }, ['url', 'max-age']],
    ['no mirror to watch', { command: 'watchdog', workflow: '../x' }, ['url', 'workflow']],
    ['no database to roll back', { command: 'rollback', to: 'five' }, ['database', 'to']],
  ])('%s', async (_, change, names) => {
    const { told } = await refused(change);
    for (const name of names) expect(told).toContain(`the input ${name} `);
  });
});

/** No secret is in what anybody gets to see. */
function expectHidden(
  { log, outputs, summary, annotations }: ActionRun,
  ...secrets: readonly string[]
): void {
  const shown = JSON.stringify([log, outputs, summary, annotations]);
  for (const secret of secrets) expect(shown).not.toContain(secret);
}
