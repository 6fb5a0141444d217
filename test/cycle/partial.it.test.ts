import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { encodeHeader } from '../../scripts/cvd/header.ts';
import type { Prove } from '../../scripts/proof/prove.ts';
import { openProver, trusting } from '../support/clamav/engines.ts';
import { makeHeader } from '../support/databases/signing.ts';
import { describeWithSmallDisks, mount } from '../support/machine/small-disk.ts';
import { runCli } from '../support/mirror/cli.ts';
import {
  describeMirror,
  expectNoLeftovers,
  faults,
  manifestOf,
  namesIn,
  offer,
  ofTest,
  published,
  startMirror,
  startPublished,
  unharmed,
  untouched,
} from '../support/mirror/cycle.ts';
import { official } from '../support/setup/official.ts';

const BOTH = { databases: 'test,bytecode' };
const CLD = encodeHeader(makeHeader('bytecode', 336));
const PAGE = Buffer.from('<html>Just a moment...</html>');

describeMirror('of two databases', () => {
  test('one is not taken and the other published, both are said, and the command exits with 1', async () => {
    await using mirror = await startMirror();
    mirror.upstream.set('bytecode.cvd', PAGE);
    const run = await runCli(['sync', ...mirror.flags(BOTH), '--json']);
    expect(run.exitCode).toBe(1);
    expect(run.json()).toMatchObject({
      outcome: 'failed',
      databases: {
        test: { outcome: 'published', from: null, to: 6 },
        bytecode: { outcome: 'failed', code: 'upstream/spoilt', from: null, to: null },
      },
      proof: { passed: true, databases: { test: 6 } },
    });
    expect(Object.keys((await manifestOf(mirror)).databases)).toEqual(['test']);
    expect(await namesIn(mirror.store)).not.toContain('bytecode.cvd');
    expect(await faults(mirror.store)).toEqual([]);

    const before = await published(mirror.store);
    const again = await runCli(['sync', ...mirror.flags(BOTH)]);
    expect(await published(mirror.store)).toEqual(before);
    expect(again.exitCode).toBe(1);
    expect(again.stderr).toMatch(/ test: version 6 stays published$/m);
    expect(again.stderr).toMatch(/ error \(\S+\): bytecode: failed.*, nothing is published: /m);
    await expectNoLeftovers(mirror);
  });

  test('what was published is said last, though the other is a CLD that somebody else made', async () => {
    await using mirror = await startMirror();
    mirror.upstream.set('bytecode.cld', CLD);
    const run = await runCli(['sync', ...mirror.flags(BOTH)]);
    expect(run.exitCode).toBe(1);
    expect(run.stderr).toMatch(/ bytecode: failed, .*a database folder that freshclam keeps/m);
    expect(run.stderr.trim().split('\n').at(-1)).toMatch(/Z failed, but published test 6: /);
  });

  test('one that upstream does not have is a failure, and the other is published and goes on', async () => {
    await using mirror = await startMirror();
    const run = await runCli(['sync', ...mirror.flags(BOTH), '--json']);
    expect(run.exitCode).toBe(1);
    expect(run.json()).toMatchObject({
      outcome: 'failed',
      databases: {
        test: { outcome: 'published', to: 6 },
        bytecode: { outcome: 'failed', code: 'upstream/missing', to: null },
      },
    });
    const before = await published(mirror.store);
    const now = new Date(Date.now() + 3_600_000);
    const report = await mirror.sync({ flags: BOTH, now: () => now });
    expect(report).toMatchObject({ outcome: 'failed', databases: { test: { outcome: 'unchanged', to: 6 } } });
    expect(await published(mirror.store)).toEqual(before);
    expect((await manifestOf(mirror)).checked).toBe(now.toISOString());
  });

  test('a published one stays beside a new version of the other', async () => {
    await using mirror = await startMirror(1);
    mirror.upstream.set('bytecode.cvd', official('bytecode.cvd'));
    const quick = { flags: BOTH, openProver: async () => trusting };
    expect((await mirror.sync(quick)).outcome).toBe('published');
    const { 'bytecode.cvd': bytecode } = await published(mirror.store);
    offer(mirror, 6);
    mirror.upstream.set('bytecode.cvd', PAGE);
    expect(await mirror.sync(quick)).toMatchObject({
      outcome: 'failed',
      databases: { test: { outcome: 'published', from: 1, to: 6 }, bytecode: { outcome: 'failed' } },
      proof: { databases: { test: 6, bytecode: expect.any(Number) } },
    });
    expect(await published(mirror.store)).toHaveProperty(['bytecode.cvd'], bytecode);
    expect(await faults(mirror.store)).toEqual([]);
  });

  test('the one that is no longer selected keeps its published files', async () => {
    await using mirror = await startMirror(1);
    mirror.upstream.set('bytecode.cvd', official('bytecode.cvd'));
    await mirror.sync({ flags: BOTH, openProver: async () => trusting });
    const before = await published(mirror.store);
    const { databases } = await manifestOf(mirror);
    offer(mirror, 6);
    mirror.upstream.forget();
    expect(await mirror.sync()).toMatchObject({ outcome: 'published', databases: { test: { to: 6 } } });
    expect(mirror.upstream.asked).not.toContain('bytecode.cvd');
    expect(await published(mirror.store)).toHaveProperty(['bytecode.cvd'], before['bytecode.cvd']);
    const after = await manifestOf(mirror);
    const { left, hashed: _, ...record } = after.databases.bytecode ?? {};
    expect(databases.bytecode).toMatchObject(record);
    expect(left).toEqual(expect.any(String));
    expect(after.databases.test?.version).toBe(6);
    expect(Object.keys(after.files)).toContain('bytecode.cvd');
    expect(await faults(mirror.store)).toEqual([]);
  });
});

describeMirror('two runs at once', () => {
  test('with one work folder: the second ends at once, says so in JSON, and harms nothing', async () => {
    await using mirror = await startPublished(1, 6);
    const [begun, goOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const first = mirror.sync({
      openProver: async () => {
        begun.resolve();
        await goOn.promise;
        return await openProver();
      },
    });
    await begun.promise;
    const second = await untouched(mirror, () => mirror.syncCli());
    expect(second.exitCode).toBe(1);
    expect(second.json()).toEqual({
      outcome: 'failed',
      databases: {},
      proof: null,
      upstreamBytes: 0,
      duration: expect.any(Number),
      times: {},
      error: { code: 'file/busy', message: expect.any(String) },
    });
    goOn.resolve();
    expect(ofTest(await first)).toMatchObject({ outcome: 'published', to: 6 });
    expect(await faults(mirror.store)).toEqual([]);
    await expectNoLeftovers(mirror);
  });

  test('with one store and two work folders: one publishes, the other sees that it did', async () => {
    await using mirror = await startPublished(1, 6);
    const proven = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const together = (index: number) => async (): Promise<Prove> => async (candidate) => {
      const proof = await trusting(candidate);
      proven[index]?.resolve();
      await Promise.all(proven.map(({ promise }) => promise));
      return proof;
    };
    const runs = await Promise.all([
      mirror.sync({ openProver: together(0) }),
      mirror.sync({ openProver: together(1), flags: { work: join(mirror.folder, 'other.work') } }),
    ]);
    expect(runs.map(({ outcome }) => outcome).sort()).toEqual(['failed', 'published']);
    const failed = runs.find(({ outcome }) => outcome === 'failed');
    expect(failed?.databases.test?.code).toMatch(/^store\/(busy|conflict)$/);
    expect(await faults(mirror.store)).toEqual([]);
    expect((await mirror.sync()).outcome).toBe('unchanged');
  });
});

describeMirror('a full disk', () => {
  describeWithSmallDisks('in the place of', () => {
    test.each(['16k', '32k'])('the work folder (%s): nothing is published, and later it is', async (size) => {
      await using mirror = await startPublished(1, 6);
      {
        using _small = mount(mirror.work, size);
        const report = await untouched(mirror, () => mirror.sync());
        expect(ofTest(report)).toMatchObject({ outcome: 'failed', to: 1 });
      }
      expect(ofTest(await mirror.sync())).toMatchObject({ outcome: 'published', to: 6 });
    });

    test.each(['88k', '128k'])('the store (%s): what is published stays, and later all is', async (size) => {
      await using mirror = await startMirror(1);
      await mkdir(mirror.store);
      using small = mount(mirror.store, size);
      expect((await mirror.sync()).outcome).toBe('published');
      offer(mirror, 6);
      const report = await unharmed(mirror, () => mirror.sync());
      expect(ofTest(report)).toMatchObject({ outcome: 'failed', from: 1, to: 1, offered: 6 });
      expect(ofTest(report)).toMatchObject({
        code: 'file/full',
        reason: expect.stringMatching(/no room for [\d.]+ \w+ at \/\S+\/mirror\/\S+, where .* are free/),
      });
      await expectNoLeftovers(mirror);
      small.resize('1m');
      expect(ofTest(await mirror.sync())).toMatchObject({ outcome: 'published', from: 1, to: 6 });
      expect(await faults(mirror.store)).toEqual([]);
      await expectNoLeftovers(mirror);
    });
  });
});
