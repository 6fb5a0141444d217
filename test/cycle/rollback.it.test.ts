import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fakeTools, knowing, trusting } from '../support/clamav/engines.ts';
import { runCli } from '../support/mirror/cli.ts';
import {
  describeMirror,
  expectNoLeftovers,
  faults,
  hashes,
  manifestOf,
  namesIn,
  offer,
  ofTest,
  sha256,
  startMirror,
  type TestMirror,
  untouched,
  updateClient,
  versionOf,
} from '../support/mirror/cycle.ts';
import { official } from '../support/setup/official.ts';

const quick = { openProver: async () => trusting };

/** Versions 4, 5 and 6 were published, one after the other. */
async function startWithArchive(): Promise<TestMirror> {
  const mirror = await startMirror(4);
  for (const version of [4, 5, 6]) {
    offer(mirror, version);
    expect(ofTest(await mirror.sync(quick))).toMatchObject({ outcome: 'published', to: version });
  }
  return mirror;
}

function rollback(mirror: TestMirror, ...args: string[]) {
  return runCli(['rollback', '--store', mirror.store, '--work', mirror.work, '--json', ...args]);
}

describeMirror('a rollback', () => {
  test('publishes a kept version again, proven by real clients, and holds it until it is released', async () => {
    await using mirror = await startWithArchive();
    const [ahead, fresh] = [join(mirror.folder, 'ahead'), join(mirror.folder, 'fresh')];
    await updateClient(mirror.store, ahead, 6);
    const { checked } = await manifestOf(mirror);

    const run = await rollback(
      mirror,
      '--database',
      'test',
      '--to',
      '5',
      '--reason',
      '6 flags our installer',
    );
    expect(run, run.stderr).toMatchObject({ exitCode: 0 });
    expect(run.json()).toMatchObject({
      database: 'test',
      from: 6,
      to: 5,
      proof: { passed: true, accepted: { reason: '6 flags our installer' } },
    });
    expect(await versionOf(mirror.store)).toBe(5);
    expect((await hashes(mirror.store)).get('test.cvd')).toBe(sha256(await readFile(official('test-5.cvd'))));
    expect((await hashes(mirror.store)).get('archive/test-6.cvd')).toBe(
      sha256(await readFile(official('test-6.cvd'))),
    );
    expect(await namesIn(mirror.store)).not.toContain('test-6.cdiff');
    expect(await faults(mirror.store)).toEqual([]);
    await expectNoLeftovers(mirror);
    const held = await manifestOf(mirror);
    expect(held.databases.test).toMatchObject({
      version: 5,
      cdiffs: { first: 2, last: 5 },
      held: { reason: '6 flags our installer' },
    });
    expect(held.checked).toBe(checked);
    expect(await updateClient(mirror.store, fresh, 5)).toBe('test.cvd 5');
    expect(await updateClient(mirror.store, ahead, 6)).toBe('test.cvd 6'); // it stays ahead

    mirror.upstream.forget();
    const cycle = ofTest(await untouchedFiles(mirror, () => mirror.sync(quick)));
    expect(cycle).toMatchObject({
      outcome: 'unchanged',
      from: 5,
      to: 5,
      notes: [expect.stringMatching(/pinned/)],
    });
    expect(mirror.upstream.asked).toEqual(['test-5.cvd.sign']); // it has none, and is asked for it again

    const released = await runCli(['release', '--store', mirror.store, '--database', 'test', '--json']);
    expect(released).toMatchObject({ exitCode: 0 });
    expect(ofTest(await mirror.sync())).toMatchObject({ outcome: 'published', from: 5, to: 6 });
    expect((await manifestOf(mirror)).databases.test).toMatchObject({
      version: 6,
      cdiffs: { first: 2, last: 6 },
    });
    expect((await manifestOf(mirror)).databases.test).not.toHaveProperty('held');
    expect(Object.keys((await manifestOf(mirror)).files)).not.toContain('archive/test-6.cvd');
    expect(await faults(mirror.store)).toEqual([]);
  });

  test('leaves the other databases as they are', async () => {
    await using mirror = await startMirror(5);
    mirror.upstream.set('bytecode.cvd', official('bytecode.cvd'));
    const flags = { databases: 'test,bytecode' };
    await mirror.sync({ ...quick, flags });
    offer(mirror, 6);
    await mirror.sync({ ...quick, flags });
    const before = await hashes(mirror.store);
    const run = await rollback(mirror, '--database', 'test', '--to', '5', '--engines', 'native');
    // Debian's old bytecode.cvd is refused by the newest ClamAV: then nothing changes
    if (run.exitCode === 0)
      expect(run.json()).toMatchObject({ proof: { databases: { bytecode: expect.any(Number) } } });
    else expect(await versionOf(mirror.store)).toBe(6);
    expect((await hashes(mirror.store)).get('bytecode.cvd')).toBe(before.get('bytecode.cvd'));
    expect(await faults(mirror.store)).toEqual([]);
  });

  describe('of what is not to be had', () => {
    let mirror: TestMirror;
    beforeAll(async () => {
      mirror = await startWithArchive();
    });
    afterAll(async () => await mirror[Symbol.asyncDispose]());

    test.each([
      ['of a version that is not kept', ['--database', 'test', '--to', '3'], 1, /archive: 5, 4/],
      ['to the version that is published', ['--database', 'test', '--to', '6'], 1, /archive/],
      ['of a database that is not there', ['--database', 'daily', '--to', '5'], 1, /There is: test/],
      ['to no version', ['--database', 'test', '--to', 'old'], 2, /--to is not a whole number/],
      ['without a database', ['--to', '5'], 2, /--database/],
    ])('%s is refused with what there is, and changes nothing', async (_, args, exitCode, said) => {
      const run = await untouched(mirror, () => rollback(mirror, ...args));
      expect(run.exitCode).toBe(exitCode);
      expect(run.stderr).toMatch(said);
    });
  });

  test('to a version that does not prove out changes nothing', async () => {
    await using mirror = await startWithArchive();
    await using tools = await fakeTools({ clamscan: `${knowing('test', 5)}; has 5 || exec "$REAL" "$@"` });
    const environment = { PATH: tools.path };
    const args = [
      'rollback',
      '--store',
      mirror.store,
      '--work',
      mirror.work,
      '--database',
      'test',
      '--to',
      '5',
    ];
    const run = await untouched(mirror, () => runCli(args, { environment }));
    expect(run.exitCode).toBe(3);
    expect(run.stderr).toMatch(/clamscan said nothing of/);
    const path = join(mirror.store, 'archive', 'test-5.cvd');
    const cvd = await readFile(path);
    cvd[900] = (cvd[900] ?? 0) ^ 1;
    await writeFile(path, cvd);
    expect(
      (await untouched(mirror, () => rollback(mirror, '--database', 'test', '--to', '5'))).exitCode,
    ).toBe(3);
  });

  test('is nothing that can be released twice', async () => {
    await using mirror = await startWithArchive();
    const run = await untouched(mirror, () =>
      runCli(['release', '--store', mirror.store, '--database', 'test']),
    );
    expect(run.exitCode).toBe(1);
    expect(run.stderr).toMatch(/is not pinned/);
  });
});

describeMirror('status', () => {
  test('shows what is served, since when, what is kept and what is held', async () => {
    await using mirror = await startWithArchive();
    const run = await runCli(['status', '--store', mirror.store]);
    expect(run.exitCode).toBe(0);
    expect(run.stdout.replaceAll(/\s+/g, ' ')).toMatch(
      /test version 6 of 2021-.*14 signatures, CDIFFs 2 to 6; kept: 5, 4/,
    );
    expect(run.stdout).toMatch(/checked +20.* UTC, (?:less than a minute|\d+ minutes?) ago/);
    const json = await runCli(['status', '--store', mirror.store, '--json']);
    expect(json.json()).toMatchObject({
      databases: { test: { version: 6 } },
      archive: { test: [5, 4] },
      damaged: [],
      lostSigns: [],
    });
  });

  test('fails where nothing is published and where a file is missing', async () => {
    await using mirror = await startWithArchive();
    await rm(join(mirror.store, 'test-4.cdiff'));
    const damaged = await runCli(['status', '--store', mirror.store]);
    expect(damaged.exitCode).toBe(1);
    expect(damaged.stdout).toMatch(/^attention: test is damaged$/m);
    const empty = await runCli(['status', '--store', join(mirror.folder, 'nowhere')]);
    expect(empty.exitCode).toBe(1);
    expect(empty.stdout).toMatch(/nothing was ever published/);
  });
});

/** Databases stay as they are; that they were looked at may be written down. */
async function untouchedFiles<T>(mirror: TestMirror, run: () => Promise<T>): Promise<T> {
  const before = (await hashes(mirror.store)).get('test.cvd');
  const result = await run();
  expect((await hashes(mirror.store)).get('test.cvd')).toBe(before);
  return result;
}
