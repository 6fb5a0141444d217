import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { encodeInfo } from '../../../scripts/cvd/info.ts';
import type { CycleReport } from '../../../scripts/cycle/report.ts';
import { parseManifest } from '../../../scripts/mirror/manifest.ts';
import { reportOnCycle } from '../../../scripts/notify/cycle-failures.ts';
import { Clock, startNotifier } from '../../notify/support.ts';
import { openProver, trusting } from '../../support/clamav/engines.ts';
import { rekeyedNative } from '../../support/clamav/rekeyed.ts';
import { diffScript } from '../../support/databases/chain.ts';
import { SOUND } from '../../support/databases/hostile.ts';
import {
  type CvdParts,
  makeCdiff,
  makeCvd,
  makeInfo,
  makeTestKeys,
  testTrust,
} from '../../support/databases/signing.ts';
import { startGitHub } from '../../support/github/api.ts';
import { describeMirror, startMirror, type TestMirror } from '../../support/mirror/cycle.ts';

type Database = 'daily' | 'main';

/** A version: its count of signatures, and how many lines there are of what takes false alarms back. */
interface Version {
  readonly signatures: number;
  readonly ignored?: number;
}

/** Makes upstream offer the last of these versions, which begin with 1; there is no CDIFF to an empty file. */
function release(mirror: TestMirror, database: Database, ...versions: Version[]): void {
  const parts = versions.map(({ signatures, ignored = 40 }, at) => {
    return {
      database,
      version: at + 1,
      files: filesOf(database, at, ignored),
      header: { signatures, fLevel: 90 },
    };
  });
  for (const [at, part] of parts.entries()) {
    const before = parts[at - 1];
    if (before === undefined || versions[at]?.ignored === 0) continue;
    const script = diffScript(contentsOf(before), contentsOf(part));
    mirror.upstream.set(`${database}-${part.version}.cdiff`, makeCdiff(part.version, script));
  }
  mirror.upstream.set(`${database}.cvd`, makeCvd(parts.at(-1) ?? expect.unreachable()));
}

function contentsOf(parts: CvdParts): Map<string, Uint8Array> {
  return new Map([[`${parts.database}.info`, encodeInfo(makeInfo(parts))], ...parts.files]);
}

function filesOf(database: Database, version: number, ignored: number): Map<string, Uint8Array> {
  const lines = {
    ...SOUND,
    ldb: [...(SOUND.ldb ?? []), `Win.Test.V-${version};Engine:51-255,Target:0;0;6e6f626f64790${version}`],
    ign2: Array.from({ length: ignored }, (_, at) => `Win.Test.FalseAlarm-${at}`),
  };
  return new Map(
    Object.entries(lines).map(([extension, texts]) => [
      `${database}.${extension}`,
      Buffer.from(texts.map((text) => `${text}\n`).join('')),
    ]),
  );
}

/** Cycles of one mirror on a clock of its own, each of which tells GitHub how it went. */
async function start(
  first: Record<Database, Version> = { main: { signatures: 1000 }, daily: { signatures: 300 } },
) {
  const mirror = await startMirror();
  const clock = new Clock();
  const github = await startGitHub({ now: clock.now });
  const notifier = startNotifier(github, clock);
  const begin = clock.time;
  const cycle = async (hour: number, flags: Readonly<Record<string, string>> = {}, path?: string) => {
    clock.time = begin;
    clock.pass({ hours: hour });
    const report = await mirror.sync({
      flags: { databases: 'daily,main', ...flags },
      trust: testTrust(),
      now: clock.now,
      openProver: path === undefined ? async () => trusting : () => openProver(path),
    });
    const about = { serving: null, log: [], isReadBack: false, at: clock.now() };
    await notifier.tell(reportOnCycle(report, about));
    return report;
  };
  release(mirror, 'main', first.main);
  release(mirror, 'daily', first.daily);
  expect((await cycle(-24)).outcome).toBe('published');
  return {
    mirror,
    github,
    cycle,
    async [Symbol.asyncDispose]() {
      await github.close();
      await mirror[Symbol.asyncDispose]();
    },
  };
}

const waiting = { outcome: 'refused', code: 'proof/waiting', to: 1 };
const published = (to: number) => ({ outcome: 'published', to });
const outcomes = ({ databases }: CycleReport) => databases;

async function accepted(mirror: TestMirror) {
  return parseManifest(await readFile(join(mirror.store, 'manifest.json'), 'utf8'), '').proof.accepted;
}

describeMirror('a retirement of signatures', () => {
  test('in one step, with real ClamAV: it waits for a day with one issue, and is then taken', async () => {
    await using clamav = await rekeyedNative(makeTestKeys().keys);
    await using one = await start();
    const { mirror, github, cycle } = one;
    release(mirror, 'main', { signatures: 1000 }, { signatures: 450 });
    release(mirror, 'daily', { signatures: 300 }, { signatures: 100 });
    expect(outcomes(await cycle(0))).toMatchObject({ main: waiting, daily: waiting });
    mirror.upstream.forget();
    expect(outcomes(await cycle(12))).toMatchObject({ main: waiting, daily: waiting });
    expect(mirror.upstream.asked.filter((name) => !name.endsWith('.sign')).sort()).toEqual([
      'daily.cvd',
      'main.cvd',
    ]); // headers only
    release(mirror, 'daily', { signatures: 300 }, { signatures: 100 }, { signatures: 102 });
    expect(outcomes(await cycle(23))).toMatchObject({ main: waiting, daily: { ...waiting, offered: 3 } });
    const taken = await cycle(24, {}, clamav.path);
    expect(outcomes(taken), JSON.stringify(taken)).toMatchObject({ main: published(2), daily: published(3) });
    expect(await accepted(mirror)).toMatchObject({
      findings: [
        expect.stringMatching(/^daily: .* 300 to 102/),
        expect.stringMatching(/^main: .* 1000 to 450/),
      ],
    });
    expect(github.issues).toMatchObject([
      { state: 'closed', labels: ['clamav-mirror', 'clamav-mirror: proof'] },
    ]);
  });

  test('in two steps, the second of which moves daily into main, is over in the same day', async () => {
    await using one = await start();
    const { mirror, github, cycle } = one;
    const main = [{ signatures: 1000 }, { signatures: 700 }, { signatures: 450 }];
    release(mirror, 'main', ...main.slice(0, 2));
    expect(outcomes(await cycle(0))).toMatchObject({ main: waiting, daily: { outcome: 'unchanged' } });
    release(mirror, 'main', ...main);
    release(mirror, 'daily', { signatures: 300 }, { signatures: 100 });
    expect(outcomes(await cycle(12))).toMatchObject({ main: { ...waiting, offered: 3 }, daily: waiting });
    expect(outcomes(await cycle(23))).toMatchObject({ main: waiting, daily: waiting });
    expect(outcomes(await cycle(24))).toMatchObject({ main: published(3), daily: published(2) });
    expect(github.issues).toMatchObject([{ state: 'closed' }]);
    expect(outcomes(await cycle(25))).toMatchObject({ main: { outcome: 'unchanged' } });
  });

  test('what moves from daily to main at once is nothing unusual', async () => {
    await using one = await start();
    release(one.mirror, 'main', { signatures: 1000 }, { signatures: 1250 });
    release(one.mirror, 'daily', { signatures: 300 }, { signatures: 60 });
    expect(outcomes(await one.cycle(0))).toMatchObject({ main: published(2), daily: published(2) });
    expect(await accepted(one.mirror)).toBeUndefined();
    expect(one.github.issues).toEqual([]);
  });

  test('what daily loses and a refused main would have gained is waited for', async () => {
    await using one = await start();
    const files = { ignored: 1 };
    release(one.mirror, 'main', { signatures: 1000 }, { signatures: 1250, ...files });
    release(one.mirror, 'daily', { signatures: 300 }, { signatures: 60 });
    const report = outcomes(await one.cycle(0));
    expect(report.main?.reason).toMatch(/main\.ign2/);
    expect(report).toMatchObject({ main: waiting, daily: waiting });
  });

  test('a collapse begins a day of its own, whatever waits already', async () => {
    await using one = await start();
    const { mirror, cycle } = one;
    release(mirror, 'main', { signatures: 1000 }, { signatures: 450 });
    await cycle(0);
    release(mirror, 'daily', { signatures: 300 }, { signatures: 29 });
    await cycle(23);
    expect(outcomes(await cycle(24))).toMatchObject({ main: published(2), daily: waiting });
    expect(outcomes(await cycle(47))).toMatchObject({ daily: published(2) });
  });

  test('that upstream takes back and offers again waits anew', async () => {
    await using one = await start();
    const { mirror, cycle } = one;
    const drop = () => release(mirror, 'main', { signatures: 1000 }, { signatures: 450 });
    drop();
    await cycle(0);
    release(mirror, 'main', { signatures: 1000 });
    expect(outcomes(await cycle(1))).toMatchObject({ main: { outcome: 'unchanged' } });
    drop();
    expect(outcomes(await cycle(25))).toMatchObject({ main: waiting });
  });

  test('is taken at once for a reason', async () => {
    await using one = await start();
    release(one.mirror, 'main', { signatures: 1000 }, { signatures: 450 });
    await one.cycle(0);
    const accept = 'announced by Talos';
    expect(outcomes(await one.cycle(1, { accept }))).toMatchObject({ main: published(2) });
    expect(await accepted(one.mirror)).toMatchObject({ reason: accept });
  });

  test('beyond a share that somebody has set is refused until somebody takes it', async () => {
    await using one = await start();
    release(one.mirror, 'main', { signatures: 1000 }, { signatures: 450 });
    const flags = { 'max-signature-drop': '50' };
    const refused = { main: { outcome: 'refused', to: 1 } };
    expect(outcomes(await one.cycle(0, flags))).toMatchObject({ main: { code: 'proof/implausible' } });
    expect(outcomes(await one.cycle(25, flags))).toMatchObject(refused);
    expect(outcomes(await one.cycle(50, { 'max-signature-drop': '60' }))).toMatchObject({
      main: published(2),
    });
  });

  test('that an earlier version of this program refused for ever is judged anew', async () => {
    await using one = await start();
    const { mirror, cycle } = one;
    release(mirror, 'main', { signatures: 1000 }, { signatures: 450 });
    await cycle(0);
    const path = join(mirror.work, 'state.json');
    const { waits: _, ...state } = JSON.parse(await readFile(path, 'utf8'));
    const { main } = state.quarantine;
    state.quarantine = { main: { ...main, code: 'proof/implausible', until: null } };
    await writeFile(path, JSON.stringify(state));
    expect(outcomes(await cycle(24))).toMatchObject({ main: waiting });
    expect(outcomes(await cycle(48))).toMatchObject({ main: published(2) });
  });
});

describeMirror('daily.ign2', () => {
  describe.each([
    ['falls to a line', 1],
    ['is published empty', 0],
  ])('that %s', (_name, ignored) => {
    test('waits for a day, is told of, and then taken', async () => {
      await using one = await start();
      const { mirror, github, cycle } = one;
      release(mirror, 'daily', { signatures: 300 }, { signatures: 301, ignored });
      const held = outcomes(await cycle(0)).daily;
      expect(held).toMatchObject(waiting);
      expect(held?.reason).toMatch(/daily\.ign2/);
      expect(github.issues).toMatchObject([{ state: 'open' }]);
      expect(outcomes(await cycle(23))).toMatchObject({ daily: waiting });
      expect(outcomes(await cycle(24))).toMatchObject({ daily: published(2) });
      expect(github.issues).toMatchObject([{ state: 'closed' }]);
    });
  });

  test('that is whole again in the next version is taken at once', async () => {
    await using one = await start();
    const versions = [{ signatures: 300 }, { signatures: 301, ignored: 1 }, { signatures: 302 }];
    release(one.mirror, 'daily', ...versions.slice(0, 2));
    expect(outcomes(await one.cycle(0))).toMatchObject({ daily: waiting });
    release(one.mirror, 'daily', ...versions);
    expect(outcomes(await one.cycle(1))).toMatchObject({ daily: published(3) });
  });
});
