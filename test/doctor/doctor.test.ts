import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };
import { doctorSummary } from '../../scripts/action/doctor.ts';
import { MirrorError } from '../../scripts/base/errors.ts';
import { CVD_SIZES } from '../../scripts/doctor/checks/disk-space.ts';
import type { Check, DoctorContext } from '../../scripts/doctor/context.ts';
import { examine } from '../../scripts/doctor/doctor.ts';
import { doctorTable } from '../../scripts/doctor/doctor-table.ts';
import { bad, type Finding, good, skipped } from '../../scripts/doctor/finding.ts';
import { DOCTOR_OPTIONS, doctorSettings } from '../../scripts/settings/commands/doctor.ts';
import { SYNC_OPTIONS } from '../../scripts/settings/commands/sync.ts';
import { programsFrom } from '../../scripts/settings/environment.ts';
import { TALOS } from '../../scripts/verify/trust.ts';
import { DATABASE_MEGABYTES } from '../facts.ts';
import { expectPlainWords, hostileVariants } from '../support/hostile-words.ts';
import { fault, finding, temporaryFolder, WELL } from './support.ts';

const given = (): Omit<DoctorContext, 'testFolders' | 'askUpstream'> => ({
  settings: doctorSettings({ flags: { store: `${temporaryFolder()}/mirror` }, environment: {} }),
  programs: programsFrom({}),
  node: process.version,
  trust: TALOS,
  now: () => new Date(),
});
const check = (name: string, run: Check['run'], timeout?: number): Check => ({
  name,
  run,
  ...(timeout === undefined ? {} : { timeout }),
});

test('a check that throws, and one that never ends, hide no other', async () => {
  const signals: AbortSignal[] = [];
  const checks = [
    check('hangs', (_, signal) => new Promise(() => signals.push(signal)), 20),
    check('throws', async () => {
      throw new MirrorError('x/y', 'it broke', { advice: 'mend it', cause: new Error('a wire') });
    }),
    check('well', async () => good('fine')),
    check('idle', async () => skipped('nothing there')),
  ];
  const report = await examine(checks, given());
  expect(report).toMatchObject({
    verdict: 'failed',
    unfinished: true,
    findings: [
      { check: 'hangs', ok: false },
      { check: 'throws', ok: false, found: 'it broke: a wire', advice: 'mend it' },
      { check: 'well', ok: true },
      { check: 'idle', skipped: true },
    ],
  });
  expect(signals[0]?.aborted).toBe(true);
});

test('what is skipped is no fault', async () => {
  const report = await examine([check('idle', async () => skipped('nothing there'))], given());
  expect(report).toMatchObject({ verdict: 'good', unfinished: false });
});

test('it counts with databases of the size that they have', () => {
  const bytes = Object.entries(DATABASE_MEGABYTES).map(([name, megabytes]) => [name, megabytes * 1_000_000]);
  expect(CVD_SIZES).toEqual(Object.fromEntries(bytes));
});

test.each(['v20.20.2', 'v24.4.9', 'v9.99.0'])('Node %s is too old', async (node) => {
  expect(await finding('node', { context: { node } })).toEqual(fault(/too old/, /npm ci && npm run/));
});

test.each([`v${packageJson.engines.node.slice(2)}`, 'v24.10.0', 'v25.0.0', process.version])(
  'Node %s will do',
  async (node) => {
    expect(await finding('node', { context: { node } })).toEqual(WELL);
  },
);

const FOUND: readonly Finding[] = [
  { check: 'node', ...good('Node 24') },
  { check: 'conditions', ...good('It keeps none.', 'Let one machine publish') },
  { check: 'work', ...bad('/srv is full', 'df -h /srv') },
  { check: 'dns', ...skipped('off') },
];
const textOf = (marks: 'signs' | 'plain') =>
  doctorTable({ findings: FOUND, verdict: 'failed', unfinished: false }, marks).map((line) =>
    typeof line === 'string' ? line : `${line.mark}${line.text}`,
  );

test('the table has a line for each check, with a mark, and what to do below it', () => {
  expect(textOf('signs')).toEqual([
    '✓ node        Node 24',
    '✓ conditions  It keeps none.',
    '              → Let one machine publish',
    '✗ work        /srv is full',
    '              → df -h /srv',
    '– dns         off',
    '',
    '1 fault: correct what is marked, then run this again',
  ]);
});

test('the table is in plain words for who sees letters only', () => {
  const text = textOf('plain');
  expect(text.join('\n')).toMatch(/^[\x20-\x7e\n]*$/);
  expect(text).toContain('FAULT   work        /srv is full');
  expect(text).toContain('skipped dns         off');
});

test.each([
  [{ LANG: 'en_GB.UTF-8' }, 'signs'],
  [{ LANG: 'C', LC_ALL: 'C.utf8' }, 'signs'],
  [{ LANG: 'C' }, 'plain'],
  [{}, 'plain'],
  [{ LANG: 'en_GB.UTF-8', LC_ALL: 'POSIX' }, 'plain'],
  [{ LANG: 'en_GB.UTF-8', NO_COLOR: '1' }, 'plain'],
  [{ LANG: 'en_GB.UTF-8', TERM: 'dumb' }, 'plain'],
] as const)('%j sees %s', (environment, marks) => {
  expect(doctorSettings({ flags: {}, environment }).marks).toBe(marks);
});

test('it takes the options of sync, and says what is wrong with them', () => {
  expect(DOCTOR_OPTIONS).toEqual(SYNC_OPTIONS);
  expect(() => doctorSettings({ flags: { engines: 'nothing' }, environment: {} })).toThrow(
    expect.objectContaining({ code: 'setting/invalid' }),
  );
});

test.each(hostileVariants(FOUND))(
  'the summary of a workflow takes words for nothing but words: %s',
  (_, found) => {
    expectPlainWords(doctorSummary(found));
  },
);

test('the summary of a workflow names the faults and what to do', () => {
  expect(doctorSummary(FOUND)).toMatch(/❌ 1 to mend[^\0]*❌ \|[^\n]*df -h/);
});

test('hosts whose certificates nobody shows are asked at once, not one after the other', async () => {
  const waiting = new Set<Socket>();
  let haveMet = false;
  const server = createServer((socket) => {
    waiting.add(socket.on('error', () => {}).on('close', () => waiting.delete(socket)));
    if (waiting.size < 3) return;
    haveMet = true;
    for (const one of waiting) one.destroy();
  }).listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const upstream = ['one', 'two', 'three'].map((path) => `https://127.0.0.1:${port}/${path}`).join();
  expect(await finding('certificates', { flags: { upstream } })).toMatchObject({ skipped: true });
  expect(haveMet).toBe(true);
});

test('the folder that --adopt names is told by what is in it, and is a fault where nothing of it can be used', async () => {
  const seen = async (adopt: string) => await finding('adopt', { flags: { adopt, databases: 'daily' } });
  const folder = temporaryFolder();
  expect(await seen(folder)).toMatchObject({ ok: false, advice: expect.any(String) });
  for (const name of ['daily.cvd', 'daily-2.cdiff', 'daily-3.cdiff', 'main.cld'])
    writeFileSync(join(folder, name), '');
  expect(await seen(folder)).toMatchObject({ ok: true, found: expect.stringContaining('1 CVD, 2 CDIFFs') });
  expect(await seen(join(folder, 'gone'))).toMatchObject({ ok: false });
});
