import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { OFFICIAL_FILES } from '../../scripts/setup/official-files.ts';
import { runCli } from '../support/mirror/cli.ts';
import { startPublished } from '../support/mirror/cycle.ts';
import { describeWithOfficial, official } from '../support/setup/official.ts';

describeWithOfficial('verify', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'verify-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  /** A file of this name, changed. */
  const changed = async (name: string, change: (bytes: Buffer) => Buffer): Promise<string> => {
    const path = join(await mkdtemp(join(folder, 'changed-')), name);
    await writeFile(path, change(await readFile(official(name))));
    return path;
  };
  const flipped = (at: number) => (bytes: Buffer) => {
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    return bytes;
  };

  test.concurrent('proves every official file', async () => {
    const run = await runCli(['verify', '--json', ...OFFICIAL_FILES.map(official)]);
    expect(run.exitCode).toBe(0);
    const files = OFFICIAL_FILES.map((name) =>
      expect.objectContaining({ path: official(name), verdict: 'proven' }),
    );
    expect(run.json()).toEqual({ outcome: 'proven', files });
  });

  test.concurrent.each([
    ['test-6.cvd', 12],
    ['test-6.cvd', 515],
    ['test-6.cvd', 9951],
    ['test-2.cdiff', 12],
    ['test-3.cdiff', 1000],
    ['bytecode.cvd', 1000],
  ])('refuses %s with byte %d changed, with exit 3', async (name, at) => {
    const path = await changed(name, flipped(at));
    const { exitCode, stdout } = await runCli(['verify', path, official('test-1.cvd')]);
    expect(exitCode).toBe(3);
    expect(stdout).toMatch(/^unproven {3}\S/m);
    expect(stdout).toMatch(/^proven {5}\S/m);
    expect(stdout).toMatch(/1 of 2 NOT proven\n$/);
  });

  test.concurrent('refuses a CVD under the name of another database or version', async () => {
    for (const name of ['main.cvd', 'test-5.cvd']) {
      const path = join(folder, name);
      await copyFile(official('test-6.cvd'), path);
      expect((await runCli(['verify', path])).exitCode).toBe(3);
    }
    const run = await runCli(['verify', '--json', '--database', 'daily', official('test-6.cvd')]);
    expect(run.exitCode).toBe(3);
    expect(run.json()).toMatchObject({ outcome: 'unproven', files: [{ code: 'verify/wrong-database' }] });
  });

  test.concurrent('wants to be told what a file of any other name should be', async () => {
    const path = join(folder, 'download.tmp');
    await copyFile(official('test-6.cvd'), path);
    expect((await runCli(['verify', path])).exitCode).toBe(3);
    expect((await runCli(['verify', '--database', 'test', path])).exitCode).toBe(0);
  });

  test.concurrent('proves what can be proven of a CLD, and says that nothing signs the whole', async () => {
    const own = await mkdtemp(join(folder, 'cld-'));
    const path = join(own, 'test.cld');
    await writeFile(path, await unsealed('test-6.cvd'));
    const run = await runCli(['verify', '--json', path]);
    expect(run.exitCode).toBe(0);
    const what = expect.stringMatching(/no signature over the whole/);
    const proven = { verdict: 'proven', database: 'test', version: 6, what };
    expect(run.json()).toMatchObject({ files: [proven] });
    expect((await runCli(['verify', '--json', own])).json()).toMatchObject({ files: [proven] }); // as a freshclam's folder
    await copyFile(path, join(own, 'daily.cld'));
    await copyFile(path, join(own, 'test-5.cld'));
    await copyFile(official('test-6.cvd'), join(own, 'sealed.cld'));
    for (const name of ['daily.cld', 'test-5.cld', 'sealed.cld'])
      expect((await runCli(['verify', join(own, name)])).exitCode).toBe(3);
  });

  test.concurrent('exits with 1 for what cannot be read, and says so in JSON', async () => {
    const run = await runCli(['verify', '--json', join(folder, 'daily.cvd')]);
    expect(run.exitCode).toBe(1);
    expect(run.json()).toMatchObject({ outcome: 'unreadable', files: [{ verdict: 'unreadable' }] });
    const empty = await mkdtemp(join(folder, 'empty-'));
    expect((await runCli(['verify', empty])).exitCode).toBe(1);
  });

  test.concurrent('proves a published mirror, and refuses it when one byte has changed', async () => {
    await using mirror = await startPublished(6, 6);
    const good = await runCli(['verify', mirror.store, '--json']);
    expect(good.exitCode).toBe(0);
    expect(good.json()).toHaveProperty('files.length', 7);
    const path = join(mirror.store, 'test-3.cdiff');
    await writeFile(path, flipped(400)(await readFile(path)));
    const bad = await runCli(['verify', mirror.store]);
    expect(bad.exitCode).toBe(3);
    expect(bad.stdout).toMatch(/^unproven .*test-3\.cdiff/m);
    expect(bad.stdout).toMatch(/^unproven .*manifest\.json/m);
  });
});

/** A genuine CVD as the CLD that freshclam would make of it, compressed as `CompressLocalDatabase` has it. */
async function unsealed(name: string): Promise<Buffer> {
  const cvd = await readFile(official(name));
  const header = cvd.toString('latin1', 0, 512).replace(/^((?:[^:]*:){5})[^:]*:[^:]*:/, '$1X:X:');
  return Buffer.concat([Buffer.from(header.padEnd(512), 'latin1'), cvd.subarray(512)]);
}
