import { copyFile, mkdir, open, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { MirrorError } from '../../scripts/base/errors.ts';
import type { Manifest } from '../../scripts/mirror/manifest.ts';
import type { Prove } from '../../scripts/proof/prove.ts';
import { trusting } from '../support/clamav/engines.ts';
import { type CliRun, runCli } from '../support/mirror/cli.ts';
import { offer, startMirror, startPublished, type TestMirror } from '../support/mirror/cycle.ts';
import { describeWithOfficial, official } from '../support/setup/official.ts';

const HOUR = 3_600_000;
const COLUMNS = 80;

interface Told {
  readonly exitCode: number | null;
  readonly verdict: string;
  /** The lines of the problem with this label, in one. */
  problem(label: string): string;
  /** What to type next, in one line. */
  next(label: string): string;
  readonly text: string;
}

/** Runs `status` as people do, and reads what it tells; nothing of it is wider than a terminal. */
async function told(mirror: TestMirror, args: readonly string[] = []): Promise<Told> {
  const run = await runCli(['status', '--store', mirror.store, ...args]);
  const lines = run.stdout.trimEnd().split('\n');
  expect(run.stderr).toBe('');
  for (const line of lines)
    if (line.includes(' ', 13)) expect(line.length, line).toBeLessThanOrEqual(COLUMNS);
  const block = (label: string) => {
    const from = lines.findIndex((line) => line.startsWith(`  ${label} `) || line === `  ${label}`);
    const rest = lines.slice(from + 1);
    const count = rest.findIndex((line) => !line.startsWith(' '.repeat(13)));
    return from === -1 ? [] : [lines[from] ?? '', ...rest.slice(0, count === -1 ? undefined : count)];
  };
  const join = (of: readonly string[]) => of.map((line) => line.trim().replace(/ \\$/, '')).join(' ');
  const arrow = (of: readonly string[]) => of.findIndex((line) => line.trimStart().startsWith('→ '));
  return {
    exitCode: run.exitCode,
    verdict: join(lines.slice(0, lines.indexOf('') === -1 ? 1 : lines.indexOf(''))),
    problem: (label) => join(block(label).slice(0, arrow(block(label)))),
    next: (label) => (arrow(block(label)) === -1 ? '' : join(block(label).slice(arrow(block(label))))),
    text: run.stdout,
  };
}

/** `sync` as the last run was, with the flags that lead to the same mirror. */
const syncOf = ({ upstream, store }: TestMirror, more = '') =>
  `→ clamav-mirror sync --upstream ${upstream.url} --databases test --store ${store}${more}`;

/** Publishes what upstream has, without an engine. */
const syncTrusting = (mirror: TestMirror) => mirror.sync({ openProver: async () => trusting });

const refusing: Prove = async (candidate) => ({
  ...(await trusting(candidate)),
  passed: false,
  results: [
    {
      engine: 'stand-in',
      scenario: 'a client with an empty folder arrives',
      result: 'failed',
      evidence: 'it loads for ever, '.repeat(30),
      duration: 1,
    },
  ],
});

async function changeManifest(mirror: TestMirror, change: (manifest: Manifest) => void): Promise<void> {
  const path = join(mirror.store, 'manifest.json');
  const manifest: Manifest = JSON.parse(await readFile(path, 'utf8'));
  change(manifest);
  await writeFile(path, JSON.stringify(manifest));
}

const jsonOf = async (mirror: TestMirror) =>
  (await runCli(['status', '--store', mirror.store, '--json'])).json();

describeWithOfficial('status of a mirror', () => {
  test('that is well says so in its first line, what it serves, and how the last run went', async () => {
    await using mirror = await startPublished(5, 6);
    await syncTrusting(mirror);
    const status = await told(mirror);
    expect(status).toMatchObject({ exitCode: 0, verdict: expect.stringMatching(/^well: 1 database, /) });
    expect(status.text).toMatch(/^ {2}test +version 6 of 2021-\d\d-\d\d \d\d:\d\d UTC, 14 signatures/m);
    expect(status.text).toMatch(
      /^ {2}last run +published, 20.* UTC, (?:less than a minute|\d+ minutes?) ago, took/m,
    );
    expect(status.text).toMatch(/^ {2}changed +test from 5 to 6 \(1 signature added\), downloaded, 20/m);
    expect(status.text).not.toContain('→');
    expect(await jsonOf(mirror)).toMatchObject({
      verdict: 'well',
      lastChange: { database: 'test', from: 5, to: 6, how: 'downloaded' },
      troubles: [],
      lastRun: { outcome: 'published', databases: { test: { outcome: 'published', to: 6 } } },
    });
  });

  test('that never published names the first run', async () => {
    await using mirror = await startMirror();
    const nowhere = await told(mirror);
    expect(nowhere).toMatchObject({ exitCode: 1, verdict: expect.stringMatching(/^first run: nothing was/) });
    expect(nowhere.problem('first run')).toContain('does not exist');
    expect(nowhere.next('first run')).toBe(`→ clamav-mirror sync --store ${mirror.store}`);
    await mkdir(mirror.store);
    expect((await told(mirror)).problem('first run')).toContain('nothing was ever published');
    expect(await jsonOf(mirror)).toMatchObject({ verdict: 'first run', troubles: [{ kind: 'unpublished' }] });
  });

  test('of which upstream was not checked for three days is stale', async () => {
    await using mirror = await startPublished(6, 6);
    const old = new Date(Date.now() - 73 * HOUR).toISOString();
    await changeManifest(mirror, (manifest) => {
      manifest.checked = old;
      for (const record of Object.values(manifest.databases))
        Object.assign(record, { checked: old, seen: { at: old, version: 6 } });
    });
    const status = await told(mirror);
    expect(status).toMatchObject({
      exitCode: 1,
      verdict: expect.stringMatching(/^stale: .* 3 days 1 hour ago/),
    });
    expect(status.problem('stale')).toMatch(/the limit is 2 days$/);
    expect(status.next('stale')).toBe(syncOf(mirror, ' --verbose'));
    expect(await told(mirror, ['--max-age', '100'])).toMatchObject({ exitCode: 0 });
  });

  test('with a database that somebody pinned asks to let it go', async () => {
    await using mirror = await startPublished(6, 6);
    await changeManifest(mirror, (manifest) => {
      for (const record of Object.values(manifest.databases))
        record.held = { since: manifest.published, reason: 'it flags our own installer' };
    });
    const status = await told(mirror);
    expect(status).toMatchObject({ exitCode: 1, verdict: 'attention: test is pinned' });
    expect(status.problem('pinned')).toMatch(/test is pinned at version 6 since .* UTC, .*our own installer/);
    expect(status.next('pinned')).toBe(`→ clamav-mirror release --database test --store ${mirror.store}`);
  });

  test('whose last version was refused says why, and how to try it again', async () => {
    await using mirror = await startPublished(5, 6);
    expect((await mirror.sync({ openProver: async () => refusing })).outcome).toBe('refused');
    const status = await told(mirror);
    expect(status).toMatchObject({ exitCode: 1, verdict: 'attention: test 6 was refused' });
    expect(status.problem('refused')).toMatch(/it loads for ever.* …; not tried again /);
    expect(status.next('refused')).toBe(syncOf(mirror, ' --retry'));
    expect(status.text).toMatch(/^ {2}last run +refused, /m);
    await syncTrusting(mirror); // held back: the run tells nothing that is not told already
    expect((await told(mirror)).verdict).toBe('attention: test 6 was refused');
  });

  test('that upstream told to wait says until when', async () => {
    await using mirror = await startPublished(6, 6);
    await changeManifest(mirror, (manifest) => {
      for (const record of Object.values(manifest.databases)) delete record.seen;
    });
    mirror.upstream.fail('*', { status: 429 });
    expect((await syncTrusting(mirror)).outcome).toBe('failed');
    const status = await told(mirror);
    expect(status).toMatchObject({ exitCode: 1, verdict: 'attention: upstream is cooling down' });
    expect(status.problem('cool-down')).toMatch(/ until 20.* UTC, for another 3 hours 59 minutes: .*429/);
    expect(status.next('cool-down')).toBe(syncOf(mirror, ' --retry'));
    const old = new Date(Date.now() - 73 * HOUR).toISOString();
    await changeManifest(mirror, (manifest) => {
      manifest.checked = old;
      for (const record of Object.values(manifest.databases)) record.checked = old;
    });
    const stale = await told(mirror);
    expect(stale.verdict).toMatch(/^stale: .*; upstream is cooling down$/);
    expect(stale.next('stale')).toBe(syncOf(mirror, ' --retry'));
  });

  test('that never published, for upstream told it to wait, asks once more', async () => {
    await using mirror = await startMirror();
    await mkdir(mirror.store);
    mirror.upstream.fail('*', { status: 429 });
    expect((await syncTrusting(mirror)).outcome).toBe('failed');
    const status = await told(mirror);
    expect(status.verdict).toMatch(/^first run: nothing was .*; upstream is cooling down$/);
    expect(status.next('first run')).toBe(syncOf(mirror, ' --retry'));
  });

  test('for which upstream sent a damaged file asks for it once more, for a plain run would wait', async () => {
    await using mirror = await startPublished(5, 6);
    const damaged = await readFile(official('test-6.cvd'));
    damaged.fill(0, 5000, 5100);
    mirror.upstream.set('test.cvd', damaged);
    mirror.upstream.remove('test-6.cdiff');
    for (const code of ['upstream/spoilt', 'upstream/doubted']) {
      expect((await syncTrusting(mirror)).databases.test).toMatchObject({ code });
      expect((await told(mirror)).next('last run')).toBe(syncOf(mirror, ' --retry'));
    }
  });

  test('with other bytes at the same size is damaged', async () => {
    await using mirror = await startPublished(6, 6);
    const file = await open(join(mirror.store, 'test.cvd'), 'r+');
    const [one, other] = [Buffer.alloc(1), Buffer.alloc(1)];
    await file.read(one, 0, 1, 1000);
    await file.read(other, 0, 1, 1001);
    await file.write(Buffer.from([(one[0] ?? 0) ^ 1, (other[0] ?? 0) ^ 1]), 0, 2, 1000);
    await file.close();
    const status = await told(mirror);
    expect(status).toMatchObject({ exitCode: 1, verdict: 'attention: test is damaged' });
    expect(status.problem('damaged')).toContain('test.cvd: changed since publication');
    expect(status.next('damaged')).toBe(syncOf(mirror));
    expect(await jsonOf(mirror)).toMatchObject({ damaged: [], broken: ['test.cvd'] });
  });

  test('with a database file that is not its own says that clients get it', async () => {
    await using mirror = await startPublished(6, 6);
    await copyFile(official('test-5.cvd'), join(mirror.store, 'test.cld'));
    await writeFile(join(mirror.store, 'local_rules.cvd'), 'ours');
    const status = await told(mirror);
    expect(status).toMatchObject({ exitCode: 1, verdict: 'attention: a foreign database file is served' });
    expect(status.problem('foreign')).toContain('test.cld: not part of the mirror');
    expect(status.next('foreign')).toBe(syncOf(mirror));
    expect(await jsonOf(mirror)).toMatchObject({ foreign: ['test.cld'] });
  });

  test('whose manifest has a number that cannot be is told of it, and of nothing that follows from it', async () => {
    await using mirror = await startPublished(6, 6);
    const path = join(mirror.store, 'manifest.json');
    const manifest = JSON.parse(await readFile(path, 'utf8'));
    manifest.databases.test.version = 2 ** 53 - 1;
    await writeFile(path, JSON.stringify(manifest));
    const status = await told(mirror);
    expect(status.exitCode).toBe(1);
    expect(status.next('unclear')).toBe(syncOf(mirror));
    expect(await jsonOf(mirror)).toMatchObject({ unread: ['test'], foreign: [] });
  });

  test('whose last run failed says why', async () => {
    await using mirror = await startPublished(5, 6);
    const missing = async () => {
      throw new MirrorError('engine/missing', 'no ClamAV is installed');
    };
    expect((await mirror.sync({ openProver: missing })).error?.code).toBe('engine/missing');
    const status = await told(mirror);
    expect(status).toMatchObject({ exitCode: 1, verdict: 'attention: the last run failed' });
    expect(status.problem('last run')).toMatch(/\(engine\/missing\): no ClamAV is installed$/);
    expect(status.next('last run')).toBe(syncOf(mirror).replace('mirror sync', 'mirror doctor'));
    offer(mirror, 5);
    await syncTrusting(mirror);
    expect(await told(mirror)).toMatchObject({ exitCode: 0 });
  });

  test('tells several problems at once, each with its own command', async () => {
    await using mirror = await startPublished(5, 6);
    await mirror.sync({ openProver: async () => refusing });
    await copyFile(official('test-5.cvd'), join(mirror.store, 'daily.cud'));
    const status = await told(mirror);
    expect(status.verdict).toBe('attention: a foreign database file is served; test 6 was refused');
    expect([status.next('foreign'), status.next('refused')]).toEqual([
      syncOf(mirror),
      syncOf(mirror, ' --retry'),
    ]);
  });

  test('tells what it can where nothing can be read of the last run', async () => {
    await using mirror = await startPublished(6, 6);
    const work = join(mirror.folder, 'other.work');
    await mkdir(work);
    await mkdir(join(work, 'state.json'));
    const status = await told(mirror, ['--work', work]);
    expect(status).toMatchObject({ exitCode: 0, verdict: expect.stringMatching(/^well: /) });
  });
});

describeWithOfficial('a run tells', () => {
  const lines = ({ stderr }: CliRun) => stderr.split('\n').filter((line) => line !== '');
  const STAMP = /^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ /;

  test('one line for each database, with its time, where nothing is new', async () => {
    await using mirror = await startPublished(6, 6);
    const run = await runCli(['sync', ...mirror.flags()]);
    expect(run).toMatchObject({ exitCode: 0, stdout: '' });
    expect(lines(run)).toEqual([expect.stringMatching(/^20\S+Z test: version 6 stays published$/)]);
  });

  test('nothing with --quiet where nothing is new, and everything with --verbose', async () => {
    await using mirror = await startPublished(6, 6);
    expect(lines(await runCli(['sync', ...mirror.flags(), '--quiet']))).toEqual([]);
    const verbose = lines(await runCli(['sync', ...mirror.flags(), '--verbose']));
    expect(verbose.length).toBeGreaterThan(1);
    for (const line of verbose) expect(line).toMatch(STAMP);
  });

  test('what failed as an error with its code, with --quiet too', async () => {
    await using mirror = await startPublished(6, 6);
    mirror.upstream.fail('*', { status: 403 });
    const run = await runCli(['sync', ...mirror.flags(), '--quiet']);
    expect(run.exitCode).toBe(1);
    expect(lines(run)).toEqual([
      expect.stringMatching(/error \(upstream\/[a-z-]+\): test: failed, version 6 stays published: /),
    ]);
  });

  test.each([
    ['a store that is a file', 'error \\(\\S+\\): '],
    ['a work folder that another run has', 'error \\(\\S+\\): '],
  ])('the cause of its end as an error: %s', async (what, said) => {
    await using mirror = await startMirror();
    if (what.startsWith('a store')) await writeFile(mirror.store, '');
    else {
      await mkdir(mirror.work, { mode: 0o700 });
      await writeFile(join(mirror.work, 'lock'), 'in the way');
    }
    const run = await runCli(['sync', ...mirror.flags()]);
    expect(run.exitCode).toBe(1);
    expect(run.stderr).toMatch(new RegExp(said));
    expect(run.stderr).not.toMatch(/warning: /);
  });
});
