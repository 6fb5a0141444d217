import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Engine } from '../../../scripts/engine/engine.ts';
import { findNativeEngine } from '../../../scripts/engine/native.ts';
import { trusting } from '../../support/clamav/engines.ts';
import { FOUND_BY_TALOS, foundByTalos } from '../../support/databases/found-by-talos.ts';
import { runCli } from '../../support/mirror/cli.ts';
import {
  describeMirror,
  expectNoLeftovers,
  faults,
  manifestOf,
  namesIn,
  offer,
  sha256,
  startMirror,
  type TestMirror,
  untouched,
} from '../../support/mirror/cycle.ts';
import { EICAR } from './allowing.ts';
import { checkAndScan } from './scanning-client.ts';

const BOTH = { eicar: EICAR, sample: FOUND_BY_TALOS };
const quick = { openProver: async () => trusting };

async function startPublished(): Promise<TestMirror> {
  const mirror = await startMirror(6);
  expect((await mirror.sync(quick)).outcome).toBe('published');
  return mirror;
}

function cli(mirror: TestMirror, command: string, ...args: string[]) {
  return runCli([command, ...args, '--store', mirror.store, '--work', mirror.work, '--json']);
}

const reason = ['--reason', 'it flags our installer'];

describeMirror('the allow list', () => {
  let native: Engine;
  beforeAll(async () => {
    native = await findNativeEngine(process.env.PATH ?? '');
  });

  test('switches a signature off on clients, until it is taken away', async () => {
    await using mirror = await startPublished();
    const client = join(mirror.folder, 'client');
    const run = await cli(mirror, 'allow', `${FOUND_BY_TALOS}.UNOFFICIAL`, ...reason);
    expect(run, run.stderr).toMatchObject({ exitCode: 0 });
    expect(run.json()).toMatchObject({
      entry: { what: FOUND_BY_TALOS },
      isIdle: false,
      proof: { passed: true },
    });
    expect(await checkAndScan(native, mirror.store, client)).toEqual({ eicar: EICAR, sample: 'OK' });
    const { extras } = await manifestOf(mirror);
    expect(extras?.allowed).toMatchObject([{ what: FOUND_BY_TALOS, reason: reason[1], from: 'command' }]);
    expect(Object.keys(extras?.files ?? {})).toEqual(['local.ign2', 'local.sfp']);
    expect(await faults(mirror.store)).toEqual([]);
    await expectNoLeftovers(mirror);

    const back = await cli(mirror, 'disallow', FOUND_BY_TALOS);
    expect(back, back.stderr).toMatchObject({ exitCode: 0 });
    expect(await checkAndScan(native, mirror.store, client)).toEqual(BOTH);
    expect((await manifestOf(mirror)).extras).toMatchObject({ allowed: [], files: { 'local.ign2': {} } });
  });

  test('leaves a list alone that the owner has put there', async () => {
    await using mirror = await startPublished();
    const [own, listed] = [join(mirror.store, 'local.ign2'), join(mirror.folder, 'allow.json')];
    await writeFile(own, 'Win.Own.List-1\n');
    const run = await cli(mirror, 'allow', FOUND_BY_TALOS, ...reason);
    expect(run).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('extra/taken') });
    await writeFile(listed, JSON.stringify({ allow: [{ what: FOUND_BY_TALOS, reason: 'it flags us' }] }));
    const sync = await mirror.syncCli(['--allow-list', listed, '--json']);
    expect(sync, sync.stderr).toMatchObject({ exitCode: 0 });
    expect(sync.json()).toMatchObject({
      extras: {
        'local.ign2': { outcome: 'refused', code: 'extra/taken' },
        'local.sfp': { outcome: 'published' },
      },
    });
    expect(await readFile(own, 'utf8')).toBe('Win.Own.List-1\n');
  });

  test('lets nothing be found in a file', async () => {
    await using mirror = await startPublished();
    const client = join(mirror.folder, 'client');
    const run = await cli(mirror, 'allow', sha256(foundByTalos()).toUpperCase(), ...reason);
    expect(run, run.stderr).toMatchObject({ exitCode: 0 });
    expect(await checkAndScan(native, mirror.store, client)).toEqual({ eicar: EICAR, sample: 'OK' });
  });

  test('ends by itself, with the first cycle after its end', async () => {
    await using mirror = await startPublished();
    const client = join(mirror.folder, 'client');
    expect((await cli(mirror, 'allow', FOUND_BY_TALOS, ...reason, '--until', '2d')).exitCode).toBe(0);
    await mirror.sync();
    expect(await checkAndScan(native, mirror.store, client)).toMatchObject({ sample: 'OK' });
    const inThreeDays = new Date(Date.now() + 3 * 24 * 3_600_000);
    const report = await mirror.sync({ now: () => inThreeDays });
    expect(report.outcome).toBe('unchanged');
    expect(report.extras).toMatchObject({
      'local.ign2': { outcome: 'published' },
      'local.sfp': { outcome: 'unchanged' },
    });
    expect(await checkAndScan(native, mirror.store, client)).toEqual(BOTH);
    expect((await manifestOf(mirror)).extras?.allowed).toEqual([]);
  });

  test('refuses what hides EICAR, and leaves everything as it was', async () => {
    await using mirror = await startPublished();
    const run = await untouched(mirror, () => cli(mirror, 'allow', EICAR, ...reason));
    expect(run, run.stderr).toMatchObject({ exitCode: 3 });
    expect(run.stderr).toContain('proof/hides');
    expect(await namesIn(mirror.store)).not.toContain('local.ign2');
  });

  test('refuses to take away what is not on it, and what makes no sense', async () => {
    await using mirror = await startPublished();
    expect(await cli(mirror, 'disallow', 'Nobody.Knows-1')).toMatchObject({ exitCode: 1 });
    expect(await cli(mirror, 'allow', 'Win.Foo-1', ...reason, '--until', '2020-01-01')).toMatchObject({
      exitCode: 2,
    });
    expect(await cli(mirror, 'allow', 'd'.repeat(32), ...reason)).toMatchObject({ exitCode: 2 });
    expect(await cli(mirror, 'allow', 'Win.Foo-1')).toMatchObject({ exitCode: 2 });
  });

  describe('of a file', () => {
    test('is followed, beside the entries of commands, and refused by its entries alone', async () => {
      await using mirror = await startPublished();
      const [client, path] = [join(mirror.folder, 'client'), join(mirror.folder, 'allow.json')];
      const flags = { 'allow-list': path };
      const file = async (...whats: string[]) =>
        await writeFile(
          path,
          `{ // ours\n "allow": ${JSON.stringify(whats.map((what) => ({ what, reason: 'false alarm' })))} }`,
        );
      await file();
      expect((await mirror.sync({ flags })).extras).toMatchObject({ 'local.ign2': { outcome: 'published' } });
      expect(await checkAndScan(native, mirror.store, client)).toEqual(BOTH);
      await cli(mirror, 'allow', 'Clamav.Test.File-6', ...reason);
      await file(FOUND_BY_TALOS, EICAR);
      const { extras } = await mirror.sync({ flags });
      expect(extras).toMatchObject({ 'local.ign2': { outcome: 'refused', code: 'proof/hides' } });
      expect(await checkAndScan(native, mirror.store, client)).toEqual({ eicar: EICAR, sample: 'OK' });
      const whats = async () => (await manifestOf(mirror)).extras?.allowed.map(({ what }) => what);
      expect(await whats()).toEqual(['Clamav.Test.File-6', FOUND_BY_TALOS]);
      const openProver = async () => {
        throw new Error('nothing is to be proven again');
      };
      expect((await mirror.sync({ flags, openProver })).extras).toEqual(extras);
      expect(await cli(mirror, 'disallow', FOUND_BY_TALOS)).toMatchObject({ exitCode: 1 });

      await writeFile(path, '{ "allow": [');
      await mirror.sync({ flags });
      expect(await whats()).toEqual(['Clamav.Test.File-6', FOUND_BY_TALOS]); // it cannot be read: nobody took them away
      await file();
      await mirror.sync({ flags });
      expect(await whats()).toEqual(['Clamav.Test.File-6']);
      expect(await checkAndScan(native, mirror.store, client)).toEqual(BOTH);
    });
  });

  test('is never published by a dry run', async () => {
    await using mirror = await startPublished();
    const path = join(mirror.folder, 'allow.json');
    await writeFile(path, '{ "allow": [] }');
    const dry = await mirror.sync({ flags: { 'allow-list': path, 'dry-run': 'true' } });
    expect(dry.extras).toMatchObject({ 'local.ign2': { outcome: 'proven' } });
    expect(await namesIn(mirror.store)).not.toContain('local.ign2');
  });

  test('is proven again when databases change', async () => {
    await using mirror = await startMirror(5);
    expect((await mirror.sync(quick)).outcome).toBe('published');
    expect((await cli(mirror, 'allow', FOUND_BY_TALOS, ...reason)).exitCode).toBe(0);
    offer(mirror, 6);
    const report = await mirror.sync();
    expect(report.extras).toMatchObject({ 'local.ign2': { outcome: 'unchanged' } });
    expect((await manifestOf(mirror)).extras?.proof?.databases).toEqual({ test: 6 });
  });

  test('is taken for damaged when its bytes are others, and written anew', async () => {
    await using mirror = await startPublished();
    expect((await cli(mirror, 'allow', FOUND_BY_TALOS, ...reason)).exitCode).toBe(0);
    const path = join(mirror.store, 'local.ign2');
    const text = await readFile(path, 'utf8');
    await writeFile(path, text.replace(FOUND_BY_TALOS, EICAR));
    expect(await faults(mirror.store)).toHaveLength(1);
    expect((await mirror.sync()).extras).toMatchObject({ 'local.ign2': { outcome: 'published' } });
    expect(await readFile(path, 'utf8')).toBe(text);
    expect(await faults(mirror.store)).toEqual([]);
  });
});
