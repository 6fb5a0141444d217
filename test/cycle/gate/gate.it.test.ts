import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { CvdHeader } from '../../../scripts/cvd/header.ts';
import { HEADER_SIZE, parseHeader } from '../../../scripts/cvd/header.ts';
import { encodeInfo } from '../../../scripts/cvd/info.ts';
import type { CycleReport } from '../../../scripts/cycle/report.ts';
import { readStart } from '../../../scripts/files/verify.ts';
import type { Prove } from '../../../scripts/proof/prove.ts';
import { openProver, trusting } from '../../support/clamav/engines.ts';
import { rekeyedNative } from '../../support/clamav/rekeyed.ts';
import { diffScript } from '../../support/databases/chain.ts';
import { SOUND } from '../../support/databases/hostile.ts';
import { makeCdiff, makeCvd, makeInfo, makeTestKeys, testTrust } from '../../support/databases/signing.ts';
import {
  describeMirror,
  manifestOf,
  namesIn,
  sameDatabases,
  startMirror,
  type TestMirror,
} from '../../support/mirror/cycle.ts';

type Database = 'daily' | 'main';

interface Change {
  readonly header?: Partial<CvdHeader>;
  /** One more logical signature. */
  readonly line?: string;
}

/** Versions 1 and 2 of a database; what is changed is changed in the second one. */
function release(mirror: TestMirror, database: Database, version: 1 | 2, change: Change = {}): void {
  const partsOf = (version: number, { header, line }: Change) => {
    const ldb = [
      ...(SOUND.ldb ?? []),
      `Win.Test.Nobody-${version};Engine:51-255,Target:0;0;6e6f626f64790${version}`,
    ];
    const lines = { ...SOUND, ldb: line === undefined ? ldb : [...ldb, line] };
    const files = new Map(
      Object.entries(lines).map(([extension, texts]) => {
        return [`${database}.${extension}`, Buffer.from(texts.map((text) => `${text}\n`).join(''))] as const;
      }),
    );
    return { database, version, files, header: { signatures: 100, fLevel: 90, ...header } };
  };
  const contents = (parts: ReturnType<typeof partsOf>) =>
    new Map<string, Uint8Array>([[`${database}.info`, encodeInfo(makeInfo(parts))], ...parts.files]);
  const [first, second] = [partsOf(1, {}), partsOf(2, change)];
  mirror.upstream.set(`${database}.cvd`, makeCvd(version === 1 ? first : second));
  if (version === 1) return;
  mirror.upstream.set(`${database}-2.cdiff`, makeCdiff(2, diffScript(contents(first), contents(second))));
}

/** What was to be proven: the versions, and the files that clients would have been served. */
interface Attempt {
  readonly versions: Readonly<Record<string, number>>;
  readonly files: readonly string[];
}

/** In the place of engines: says of a set of versions what is wrong with it. What it was asked is in `attempts`. */
function judgeThat(
  finds: (versions: Readonly<Record<string, number>>) => string | undefined,
  fLevel = 216,
): { prove: Prove; attempts: Attempt[] } {
  const attempts: Attempt[] = [];
  const prove: Prove = async (candidate) => {
    const versions: Record<string, number> = {};
    for (const [database, { version }] of candidate.staged) {
      const cvd = await readStart(join(candidate.folder, `${database}.cvd`), HEADER_SIZE);
      expect(parseHeader(cvd)).toMatchObject({ version, builder: database });
      versions[database] = version;
    }
    attempts.push({ versions, files: await namesIn(candidate.folder) });
    const evidence = finds(versions);
    const proof = { ...(await trusting(candidate)), engines: [{ name: 'judge', version: '1.0', fLevel }] };
    if (evidence === undefined) return proof;
    const failed = {
      engine: 'judge',
      scenario: 'a client',
      result: 'failed',
      evidence,
      duration: 0,
    } as const;
    return { ...proof, passed: false, results: [failed] };
  };
  return { prove, attempts };
}

const OLD = ['daily.cvd', 'main.cvd'];
const BOTH: Attempt = {
  versions: { daily: 2, main: 2 },
  files: ['daily-2.cdiff', 'daily.cvd', 'main-2.cdiff', 'main.cvd'],
};
const DAILY: Attempt = { versions: { daily: 2, main: 1 }, files: ['daily-2.cdiff', ...OLD] };
const MAIN: Attempt = { versions: { daily: 1, main: 2 }, files: ['daily.cvd', 'main-2.cdiff', 'main.cvd'] };

async function sync(
  mirror: TestMirror,
  prove: Prove,
  flags: Readonly<Record<string, string>> = {},
): Promise<CycleReport> {
  const all = { databases: 'daily,main', ...flags };
  return await mirror.sync({ flags: all, trust: testTrust(), openProver: async () => prove });
}

/** A mirror that has published version 1 of both. */
async function start(): Promise<TestMirror> {
  const mirror = await startMirror();
  for (const database of ['daily', 'main'] as const) release(mirror, database, 1);
  const report = await sync(mirror, trusting);
  expect(report.outcome, JSON.stringify(report)).toBe('published');
  return mirror;
}

async function quarantined(mirror: TestMirror): Promise<string[]> {
  return Object.keys(JSON.parse(await readFile(join(mirror.work, 'state.json'), 'utf8')).quarantine).sort();
}

describeMirror('of two databases with news', () => {
  const refused = (said: RegExp) => ({
    outcome: 'refused',
    code: 'proof/failed',
    from: 1,
    to: 1,
    offered: 2,
    reason: expect.stringMatching(said),
  });
  const published = { outcome: 'published', from: 1, to: 2 };

  test.each<[Database, Database, Attempt, Attempt[]]>([
    ['main', 'daily', DAILY, [BOTH, DAILY, BOTH]],
    ['daily', 'main', MAIN, [BOTH, DAILY, MAIN]],
  ])('%s is bad: it is refused, and %s goes on', async (bad, good, proven, expected) => {
    await using mirror = await start();
    for (const database of ['daily', 'main'] as const) release(mirror, database, 2);
    const { prove, attempts } = judgeThat((versions) => (versions[bad] === 2 ? `${bad} crashes` : undefined));
    const report = await sync(mirror, prove);
    expect(report.databases[good]).toMatchObject(published);
    expect(report.databases[bad]).toMatchObject(
      refused(/^judge \(ClamAV 1\.0\): a client: (main|daily) crashes$/),
    );
    expect(attempts).toEqual(expected);
    expect(report).toMatchObject({ outcome: 'refused', proof: { passed: true, databases: proven.versions } });
    const manifest = await manifestOf(mirror);
    expect(manifest.proof).toMatchObject({ passed: true, databases: proven.versions });
    expect(manifest.databases).toMatchObject({ [bad]: { version: 1 }, [good]: { version: 2 } });
    expect(await quarantined(mirror)).toEqual([bad]);

    attempts.length = 0;
    const again = await sameDatabases(mirror, () => sync(mirror, prove));
    expect(again.databases[bad]).toMatchObject({ outcome: 'refused', code: 'proof/held' });
    expect(again.databases[good]).toMatchObject({ outcome: 'unchanged' });
    expect(attempts).toEqual([]);
  });

  test('both are bad: nothing is published, and both are refused for what is wrong with themselves', async () => {
    await using mirror = await start();
    for (const database of ['daily', 'main'] as const) release(mirror, database, 2);
    const { prove, attempts } = judgeThat(({ daily, main }) =>
      daily === 2 ? 'daily crashes' : main === 2 ? 'main crashes' : undefined,
    );
    const report = await sameDatabases(mirror, () => sync(mirror, prove));
    expect(report.databases.daily).toMatchObject(refused(/daily crashes$/));
    expect(report.databases.main).toMatchObject(refused(/main crashes$/));
    expect(attempts).toEqual([BOTH, DAILY, MAIN]);
    expect(report.proof).toMatchObject({ passed: false });
    expect(await quarantined(mirror)).toEqual(['daily', 'main']);
  });

  test('they are bad only together: the first is published, the second refused', async () => {
    await using mirror = await start();
    for (const database of ['daily', 'main'] as const) release(mirror, database, 2);
    const { prove, attempts } = judgeThat(({ daily, main }) =>
      daily === 2 && main === 2 ? 'the same name twice' : undefined,
    );
    const report = await sync(mirror, prove);
    expect(report.databases).toMatchObject({ daily: published, main: refused(/the same name twice$/) });
    expect(attempts).toEqual([BOTH, DAILY, BOTH]);
    expect((await manifestOf(mirror)).proof).toMatchObject({ passed: true, databases: DAILY.versions });
  });

  test('a database that comes for the first time does not wait for a bad one', async () => {
    await using mirror = await startMirror();
    for (const database of ['daily', 'main'] as const) release(mirror, database, 2);
    const { prove, attempts } = judgeThat(({ main }) => (main === 2 ? 'main crashes' : undefined));
    const report = await sync(mirror, prove);
    expect(report.databases).toMatchObject({
      daily: { outcome: 'published', from: null, to: 2 },
      main: { outcome: 'refused', from: null, to: null, offered: 2 },
    });
    expect(attempts.map(({ versions }) => versions)).toEqual([BOTH.versions, { daily: 2 }, BOTH.versions]);
    expect(attempts[1]?.files).toEqual(['daily-2.cdiff', 'daily.cvd']);
    expect((await namesIn(mirror.store)).filter((name) => name.startsWith('main'))).toEqual([]);
    expect((await manifestOf(mirror)).proof).toMatchObject({ databases: { daily: 2 } });
  });

  test('what is no news is never blamed', async () => {
    await using mirror = await start();
    release(mirror, 'daily', 2);
    const { prove, attempts } = judgeThat(() => 'main crashes');
    const report = await sameDatabases(mirror, () => sync(mirror, prove));
    expect(report.databases.daily).toMatchObject(refused(/main crashes$/));
    expect(report.databases.main).toMatchObject({ outcome: 'unchanged', to: 1 });
    expect(report.databases.main).not.toHaveProperty('reason');
    expect(attempts).toEqual([DAILY]);
    expect(await quarantined(mirror)).toEqual(['daily']);
  });

  test('real ClamAV refuses the one with a malformed line and proves the other', async () => {
    await using clamav = await rekeyedNative(makeTestKeys().keys);
    await using mirror = await start();
    release(mirror, 'daily', 2);
    release(mirror, 'main', 2, { line: 'this is no signature' });
    const report = await sync(mirror, await openProver(clamav.path));
    expect(report.databases.daily, JSON.stringify(report)).toMatchObject(published);
    expect(report.databases.main).toMatchObject(refused(/^native .*main\.(ldb|cvd).*[Mm]alformed/));
    expect(report.proof).toMatchObject({ passed: true, databases: DAILY.versions });
    expect(await quarantined(mirror)).toEqual(['main']);
  });
});

describeMirror('what is implausible', () => {
  const FALLS: Change = { header: { signatures: 79 } };
  const ACCEPT = { accept: 'a merge of signatures' };
  const implausible = (said: RegExp, code = 'proof/waiting') => ({
    outcome: 'refused',
    code,
    to: 1,
    offered: 2,
    reason: expect.stringMatching(said),
  });

  test('is refused before any proof, and what is said tells how to take it', async () => {
    await using mirror = await start();
    release(mirror, 'main', 2, FALLS);
    const { prove, attempts } = judgeThat(() => undefined);
    const report = await sameDatabases(mirror, () => sync(mirror, prove));
    expect(report.databases.main).toMatchObject(
      implausible(/^main: its signatures fall from 100 to 79, .*20 %.*--accept/),
    );
    expect(report.proof).toBe(null);
    expect(attempts).toEqual([]);
    expect(await quarantined(mirror)).toEqual(['main']);
  });

  test('does not hold up the others', async () => {
    await using mirror = await start();
    release(mirror, 'daily', 2);
    release(mirror, 'main', 2, FALLS);
    const { prove, attempts } = judgeThat(() => undefined);
    const report = await sync(mirror, prove);
    expect(report.databases).toMatchObject({ daily: { outcome: 'published' }, main: implausible(/fall/) });
    expect(attempts).toEqual([DAILY]);
  });

  test('is published for a reason, which the manifest records with what was found', async () => {
    await using mirror = await start();
    release(mirror, 'main', 2, FALLS);
    const { prove } = judgeThat(() => undefined);
    await sync(mirror, prove); // so that it is held back
    const report = await sync(mirror, prove, ACCEPT);
    expect(report.databases.main).toMatchObject({ outcome: 'published', to: 2 });
    const findings = [expect.stringMatching(/^main: its signatures fall from 100 to 79/)];
    expect((await manifestOf(mirror)).proof?.accepted).toEqual({ reason: ACCEPT.accept, findings });
    expect(await readFile(join(mirror.store, 'proof.txt'), 'utf8')).toContain(
      `Accepted because: ${ACCEPT.accept}`,
    );
    expect(await quarantined(mirror)).toEqual([]);
  });

  test('must be proven for whatever reason', async () => {
    await using mirror = await start();
    release(mirror, 'main', 2, FALLS);
    const { prove } = judgeThat(({ main }) => (main === 2 ? 'main crashes' : undefined));
    const report = await sameDatabases(mirror, () => sync(mirror, prove, ACCEPT));
    expect(report.databases.main).toMatchObject({ outcome: 'refused', code: 'proof/failed' });
  });

  test('a reason is recorded only for what needed it', async () => {
    await using mirror = await start();
    release(mirror, 'main', 2);
    const bad = judgeThat(({ main }) => (main === 2 ? 'main crashes' : undefined));
    await sync(mirror, bad.prove);
    const report = await sync(mirror, judgeThat(() => undefined).prove, ACCEPT);
    expect(report.databases.main).toMatchObject({ outcome: 'published', to: 2 }); // though it was refused before
    expect((await manifestOf(mirror)).proof).not.toHaveProperty('accepted');
  });

  describe('for an f-level beyond every engine', () => {
    const LATER: Change = { header: { fLevel: 217 } };

    test('is refused after the proof, and does not hold up the others', async () => {
      await using mirror = await start();
      release(mirror, 'daily', 2, LATER);
      release(mirror, 'main', 2);
      const { prove, attempts } = judgeThat(() => undefined, 216);
      const report = await sync(mirror, prove);
      expect(report.databases).toMatchObject({
        daily: implausible(
          /^daily: its f-level 217 is beyond every engine's.* 216.*--accept/,
          'proof/implausible',
        ),
        main: { outcome: 'published', to: 2 },
      });
      expect(attempts).toEqual([BOTH, DAILY, MAIN]);
      expect(report.proof).toMatchObject({ passed: true, databases: MAIN.versions });
    });

    test('is published for a reason, or as soon as an engine has that level', async () => {
      for (const [fLevel, flags] of [[216, ACCEPT] as const, [217, {}] as const]) {
        await using mirror = await start();
        release(mirror, 'daily', 2, LATER);
        const report = await sync(mirror, judgeThat(() => undefined, fLevel).prove, flags);
        expect(report.databases.daily).toMatchObject({ outcome: 'published', to: 2 });
        const accepted = (await manifestOf(mirror)).proof?.accepted?.findings;
        expect(accepted).toEqual(fLevel === 216 ? [expect.stringMatching(/^daily: its f-level/)] : undefined);
      }
    });
  });
});
