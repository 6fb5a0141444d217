import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeWithSmallDisks, mount } from '../support/machine/small-disk.ts';
import { runCli } from '../support/mirror/cli.ts';
import { startUpstream } from '../support/mirror/upstream.ts';
import { describeWithOfficial, official } from '../support/setup/official.ts';

describeWithOfficial('clamav-mirror rebuild', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cli-rebuild-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  const cdiffs = (...versions: number[]) => versions.map((version) => official(`test-${version}.cdiff`));
  const rebuild = (steps: readonly string[], header: string, output: string) =>
    runCli([
      'rebuild',
      '--from',
      official('test-1.cvd'),
      '--cdiff',
      ...steps,
      '--header',
      header,
      '--output',
      output,
    ]);

  test('makes the official CVD, with the CDIFFs in any order', async () => {
    const output = join(folder, 'new.cvd');
    expect(await rebuild(cdiffs(6, 5, 4, 3, 2), official('test-6.cvd'), output)).toMatchObject({
      exitCode: 0,
    });
    expect(readFileSync(output).equals(readFileSync(official('test-6.cvd')))).toBe(true);
  });

  test('asks a URL for the header, and for nothing else', async () => {
    await using upstream = await startUpstream(new Map([['test.cvd', official('test-3.cvd')]]));
    const output = join(folder, 'from-url.cvd');
    expect(await rebuild(cdiffs(2, 3), `${upstream.url}/test.cvd`, output)).toMatchObject({ exitCode: 0 });
    expect(upstream.sent()).toBe(522);
    expect(readFileSync(output).equals(readFileSync(official('test-3.cvd')))).toBe(true);
  });

  test('leaves nothing behind where a CDIFF is missing, and ends with 3', async () => {
    const output = join(folder, 'gap.cvd');
    expect(await rebuild(cdiffs(2, 4), official('test-4.cvd'), output)).toMatchObject({ exitCode: 3 });
    expect(existsSync(output)).toBe(false);
  });

  describeWithSmallDisks('on a full disk', () => {
    test('says so, and leaves nothing behind', async () => {
      const full = join(folder, 'full');
      await mkdir(full);
      using _ = mount(full, '8k');
      const ended = await rebuild(cdiffs(2, 3, 4, 5, 6), official('test-6.cvd'), join(full, 'new.cvd'));
      expect(ended).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('file/full') });
      expect(readdirSync(full)).toEqual([]);
    });
  });

  test('ends with 1 for a file that is not there, and with 2 for a call that makes no sense', async () => {
    const missing = await rebuild([join(folder, 'none.cdiff')], official('test-2.cvd'), join(folder, 'x'));
    expect(missing.exitCode).toBe(1);
    expect((await runCli(['rebuild', '--from', official('test-1.cvd')])).exitCode).toBe(2);
  });
});
