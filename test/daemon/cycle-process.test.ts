import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { CYCLE_LINE_CHARACTERS, CYCLE_REPORT_BYTES } from '../../scripts/base/limits/daemon.ts';
import type { CycleEnd } from '../../scripts/daemon/cycles/cycle-end.ts';
import { runCycleProcess } from '../../scripts/daemon/cycles/cycle-process.ts';
import { isRunning } from '../support/machine/is-running.ts';
import { LONG, REPORT } from './support.ts';

const SCRIPTS = join(import.meta.dirname, '..', '..', 'scripts');
const FOR_EVER = 'setInterval(() => {}, 1000);';
const report = JSON.stringify(REPORT, undefined, 2);

interface Played extends CycleEnd {
  readonly lines: readonly string[];
}

/** Runs this script as a cycle. It is told to end at its first line on stderr that says so. */
async function play(
  script: string,
  { flags = [], limits }: { flags?: readonly string[]; limits?: { cycle: number; end: number } } = {},
): Promise<Played> {
  const ending = new AbortController();
  const lines: string[] = [];
  const end = await runCycleProcess(
    {
      command: [process.execPath, ...flags, '-e', script],
      environment: { PATH: process.env.PATH, SAID: 'by its environment' },
      onLine: (line) => {
        lines.push(line);
        if (line === 'end me') ending.abort();
      },
      ...(limits && { limits }),
    },
    ending.signal,
  );
  return { ...end, lines };
}

describe('a cycle that', () => {
  test.each(['SIGKILL', 'SIGTERM', 'SIGINT', 'SIGSEGV', 'SIGABRT', 'SIGBUS', 'SIGHUP'] as const)(
    'dies by %s takes nothing along, and is known to have died',
    async (signal) => {
      const end = await play(
        `console.log('{"outcome": "publ'); process.kill(process.pid, '${signal}'); ${FOR_EVER}`,
      );
      expect(end).toMatchObject({ outcome: 'died', signal, exitCode: null, report: undefined });
    },
  );

  test('throws has died as well, and its last words are told', async () => {
    const end = await play("throw new Error('of its own')");
    expect(end).toMatchObject({ outcome: 'died', signal: null, exitCode: 1 });
    expect(end.lines.join()).toContain('of its own');
  });

  test('runs out of memory has died as well', async () => {
    const script = 'const all = []; for (;;) all.push(new Array(1_000_000).fill(0.5));';
    const end = await play(script, { flags: ['--max-old-space-size=32'] });
    expect(end).toMatchObject({ outcome: 'died', report: undefined });
  });

  test.each([
    ['unchanged', 0],
    ['refused', 3],
    ['failed', 1],
  ] as const)('reports is what it reports: %s', async (outcome, exitCode) => {
    const own = JSON.stringify({ ...REPORT, outcome }, undefined, 2);
    const end = await play(`console.log(${JSON.stringify(own)}); process.exitCode = ${exitCode}`);
    expect(end).toMatchObject({ outcome, exitCode, signal: null, report: { ...REPORT, outcome } });
  });

  test('finds another run at work is busy, and not failed', async () => {
    const own = JSON.stringify({ ...REPORT, outcome: 'failed', error: { code: 'file/busy', message: 'x' } });
    expect(await play(`console.log(${JSON.stringify(own)})`)).toMatchObject({ outcome: 'busy' });
  });

  test('cannot be started has died, with the reason', async () => {
    const command = [join(SCRIPTS, 'no-such-program')] as const;
    const end = await runCycleProcess(
      { command, environment: {}, onLine: () => {} },
      new AbortController().signal,
    );
    expect(end).toMatchObject({ outcome: 'died', exitCode: null, why: expect.stringContaining('ENOENT') });
  });

  test('finds no descriptor left has died, and the process that runs it lives', () => {
    const script = `import { openSync } from 'node:fs';
      import { runCycleProcess } from '${SCRIPTS}/daemon/cycles/cycle-process.ts';
      try { for (;;) openSync('/dev/null'); } catch {}
      const command = [process.execPath, '-e', ''];
      const end = await runCycleProcess({ command, environment: {}, onLine() {} }, new AbortController().signal);
      console.log(end.outcome, end.why);`;
    const line = ['-c', 'ulimit -n 200; exec "$0" --input-type=module -e "$1"', process.execPath, script];
    expect(spawnSync('sh', line, { encoding: 'utf8' })).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/^died .*EMFILE/),
    });
  });

  test('has the environment that it is given, and no other', async () => {
    const { lines } = await play('console.error(Object.keys(process.env).sort().join())');
    expect(lines[0]?.replace('NODE_CHANNEL_FD,', '').replace('NODE_CHANNEL_SERIALIZATION_MODE,', '')).toBe(
      'PATH,SAID',
    );
  });

  test('never ends a line, or reports without end, fills no memory', async () => {
    const end = await play(`
      const chunk = 'x'.repeat(65536);
      for (let at = 0; at < 64; at++) { process.stderr.write(chunk); process.stdout.write(chunk); }
      console.error('\\nlast');`);
    expect(CYCLE_REPORT_BYTES).toBeLessThan(64 * 65_536);
    expect(end).toMatchObject({ outcome: 'died', exitCode: 0 });
    expect(end.lines.map((line) => line.length)).toEqual([CYCLE_LINE_CHARACTERS + 2, 4]);
  });
});

describe('a cycle that is told to end', () => {
  test('ends, and has not died', async () => {
    const end = await play(`console.error('end me'); ${FOR_EVER}`);
    expect(end).toMatchObject({ outcome: 'stopped', signal: 'SIGTERM' });
  });

  test('counts as what it reported, if it was done', async () => {
    const end = await play(`process.on('SIGTERM', () => {
      console.log(${JSON.stringify(report)}); process.exit(0) }); console.error('end me'); ${FOR_EVER}`);
    expect(end).toMatchObject({ outcome: 'unchanged', exitCode: 0 });
  });

  test('and does not end when it is told to, is killed', async () => {
    const script = `process.on('SIGTERM', () => console.error('not I')); console.error('end me'); ${FOR_EVER}`;
    const end = await play(script, { limits: { cycle: 600_000, end: 200 } });
    expect(end).toMatchObject({ outcome: 'stopped', signal: 'SIGKILL' });
  });
});

test('a cycle that hangs is ended, and has died, with the reason', async () => {
  const end = await play(FOR_EVER, { limits: { cycle: 200, end: 60_000 } });
  expect(end).toMatchObject({
    outcome: 'died',
    signal: 'SIGTERM',
    why: expect.stringMatching(/^it had not ended/),
  });
});

test('a cycle ends with the process that runs it, however that dies', async () => {
  const cycle = `import { endOnSignal } from '${SCRIPTS}/wiring/on-signal.ts';
    endOnSignal(); console.error(process.pid); ${FOR_EVER}`;
  const runner = `import { runCycleProcess } from '${SCRIPTS}/daemon/cycles/cycle-process.ts';
    const command = [process.execPath, '--input-type=module', '-e', ${JSON.stringify(cycle)}];
    const onLine = (line) => console.log(line);
    await runCycleProcess({ command, environment: process.env, onLine }, new AbortController().signal);`;
  const process_ = spawn(process.execPath, ['--input-type=module', '-e', runner], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void process_.kill('SIGKILL'));
  const [line] = await once(createInterface(process_.stdout), 'line');
  process_.kill('SIGKILL');
  await vi.waitUntil(() => !isRunning(Number(line)), { timeout: LONG });
});
