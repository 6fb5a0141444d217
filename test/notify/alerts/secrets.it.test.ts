import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { startCaller } from '../../action/support.ts';
import { startReceiver } from '../../support/alerts/receiver.ts';
import { SECRET_ADDRESSES, secretPartsOf } from '../../support/alerts/secret-addresses.ts';
import { startGitHub } from '../../support/github/api.ts';
import { runCli } from '../../support/mirror/cli.ts';
import { describeMirror, startMirror } from '../../support/mirror/cycle.ts';

const ALL = { CLAMAV_MIRROR_ALERT: SECRET_ADDRESSES.join('\n') };
const PARTS = [...new Set(SECRET_ADDRESSES.flatMap(secretPartsOf))];
const NEVER = 'http://127.0.0.1:9';

function expectNoSecret(text: string, where: string): void {
  for (const part of PARTS) expect(text.includes(part), `${where} has ${part}`).toBe(false);
}

async function expectNoSecretBelow(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile()) expectNoSecret(await readFile(path, 'latin1'), path);
  }
}

describeMirror('of twenty shapes of addresses nothing is seen', () => {
  test('in what is published, kept, printed and logged, although nobody takes an alert', async () => {
    await using mirror = await startMirror();
    const commands = [
      ['sync', ...mirror.flags(), '--verbose'],
      ['sync', ...mirror.flags({ upstream: NEVER }), '--json'],
      ['sync', ...mirror.flags(), '--cdiffs', 'many'],
      ['sync', ...mirror.flags(), '--engines', 'docker:no such image', '--resync'],
      ['status', '--store', mirror.store, '--json'],
      ['doctor', ...mirror.flags(), '--json'],
      ['watch', NEVER, '--alert-state', join(mirror.folder, 'watch.json')],
      ['alert'],
      ['alert', '--json'],
    ];
    for (const command of commands) {
      const { stdout, stderr } = await runCli(command, { environment: ALL });
      expectNoSecret(`${stdout}${stderr}`, command.join(' '));
      if (command[0] === 'alert') expect(stdout.match(/no answer/g)).toHaveLength(SECRET_ADDRESSES.length);
    }
    await expectNoSecretBelow(mirror.folder);
  });

  test('where a command crashes', async () => {
    await using mirror = await startMirror();
    const crash = 'data:text/javascript,setTimeout(()=>{throw new Error("crash")},400)';
    const run = await runCli(['sync', ...mirror.flags({ upstream: NEVER })], {
      environment: ALL,
      nodeFlags: ['--import', crash],
    });
    expect(run.exitCode).not.toBe(0);
    expectNoSecret(`${run.stdout}${run.stderr}`, 'the crash');
  });
});

describe('the command alert', () => {
  test('tells each address of a repeated flag, and says which took the test', async () => {
    await using receiver = await startReceiver();
    const flags = [receiver.address('slack'), NEVER, receiver.address('teams')].flatMap((one) => [
      '--alert',
      one,
    ]);
    const run = await runCli(['alert', ...flags, '--json']);
    expect(run.exitCode).toBe(1);
    expect(run.json()).toMatchObject([
      { kind: 'slack', error: null },
      { kind: 'webhook' },
      { kind: 'teams', error: null },
    ]);
    expect(receiver.taken.map(({ service }) => service).sort()).toEqual(['slack', 'teams']);
  });

  test('without an address is wrong usage', async () => {
    expect(await runCli(['alert'])).toMatchObject({ exitCode: 2, stdout: '' });
  });
});

describe('in the action', () => {
  test('nothing of them is seen in the log as a runner masks it, in outputs, the summary and the issue', async () => {
    await using github = await startGitHub();
    await using caller = await startCaller(github);
    const run = await caller.call({
      command: 'sync',
      issues: 'true',
      'github-token': github.token,
      upstream: NEVER,
      databases: 'test',
      'issue-after': '1',
      alert: SECRET_ADDRESSES.join('\n'),
    });
    expect(run.exitCode).toBe(1);
    expectNoSecret(run.log, 'the log');
    expectNoSecret(`${JSON.stringify(run.outputs)}${run.summary}${run.told}`, 'outputs');
    expectNoSecret(JSON.stringify(github.issues), 'the issue');
    expect(github.issues).toHaveLength(1);
    expect(run.told).toContain('alert 1 (webhook) was not told');
  });

  test('an issue and an alert tell the same of one run, and the job that notifies tells it once', async () => {
    await using github = await startGitHub();
    await using receiver = await startReceiver();
    await using caller = await startCaller(github);
    const inputs = {
      upstream: NEVER,
      databases: 'test',
      'issue-after': '1',
      alert: receiver.address('webhook'),
      'alert-state': join(caller.folder, 'told.json'),
      'github-token': github.token,
    };
    const run = await caller.call({ ...inputs, command: 'sync' });
    const needs = JSON.stringify({ mirror: { result: 'failure', outputs: { report: run.outputs.report } } });
    await caller.call({ ...inputs, command: 'notify', needs });
    expect(receiver.taken.map(({ json }) => json.data.title)).toEqual([github.issues[0]?.title]);
  });

  test('a job that died before it could report is told too', async () => {
    await using github = await startGitHub();
    await using receiver = await startReceiver();
    await using caller = await startCaller(github);
    const needs = JSON.stringify({ mirror: { result: 'cancelled', outputs: {} } });
    await caller.call({
      command: 'notify',
      'github-token': github.token,
      needs,
      'issue-after': '1',
      alert: receiver.address('webhook'),
    });
    expect(receiver.taken.map(({ json }) => json.data.failure.code)).toEqual(['run/ended']);
  });
});
