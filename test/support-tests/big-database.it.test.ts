import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eicar } from '../../scripts/proof/samples/samples.ts';
import { run } from '../../scripts/setup/programs.ts';
import { rekeyedNative } from '../support/clamav/rekeyed.ts';
import { type BigVersion, writeBigDatabase } from '../support/databases/big-database.ts';
import { readContainer } from '../support/databases/containers.ts';
import { makeTestKeys } from '../support/databases/signing.ts';
import { describeWithPython } from '../support/machine/python.ts';
import { describeWithClamav } from '../support/setup/official.ts';

describeWithPython('a database like those of today, at a five hundredth', () => {
  let folder: string;
  let main: BigVersion[];
  let daily: BigVersion[];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'big-'));
    main = await writeBigDatabase(folder, 'main', { share: 0.002, steps: ['retirement'] });
    daily = await writeBigDatabase(folder, 'daily', { share: 0.002, steps: ['day', 'retirement'] });
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  const sizeOf = async ([first]: BigVersion[]) => (await readFile(first?.cvd ?? '')).length;

  test('has as many signatures and bytes as it should have', async () => {
    expect(main[0]?.signatures).toBeCloseTo(3_287_000 * 0.002, -2);
    expect(daily[0]?.signatures).toBeCloseTo(355_000 * 0.002, -2);
    expect((await sizeOf(main)) / (85e6 * 0.002)).toBeCloseTo(1, 0);
    expect((await sizeOf(daily)) / (22e6 * 0.002)).toBeCloseTo(1, 0);
  });

  test('grows by a day, and loses a third by a retirement', () => {
    const [first = 0, second = 0, third = 0] = daily.map(({ signatures }) => signatures);
    expect(second).toBeGreaterThan(first);
    expect(third / second).toBeCloseTo(2 / 3, 1);
    const [before = 0, after = 0] = main.map(({ signatures }) => signatures);
    expect(after / before).toBeCloseTo(2 / 3, 1);
  });

  test('is the same each time, with the same keys', async () => {
    const other = await mkdtemp(join(folder, 'other-'));
    const again = await writeBigDatabase(other, 'daily', { share: 0.002, steps: ['day'] });
    const files = await Promise.all(
      [daily[1], again[1]].map(async (version) => readContainer(await readFile(version?.cvd ?? '')).files),
    );
    expect(files[0]).toEqual(files[1]);
  });

  describeWithClamav('and with a ClamAV that trusts its keys', () => {
    test('is loaded in each version, and finds EICAR', async () => {
      await using clamav = await rekeyedNative(makeTestKeys().keys);
      await writeFile(join(folder, 'eicar.com'), eicar());
      for (const [name, versions] of Object.entries({ main, daily })) {
        for (const { version, cvd, signatures } of versions) {
          const database = join(folder, `${name}-${version}`);
          await mkdir(database);
          await copyFile(cvd, join(database, `${name}.cvd`));
          const command = ['clamscan', `--database=${database}`, join(folder, 'eicar.com')];
          const { exitCode, stdout } = await run(command, { path: clamav.path, timeout: 120_000 });
          expect([exitCode, stdout]).toEqual([1, expect.stringContaining('Eicar-Test-Signature FOUND')]);
          const known = Number(/Known viruses: (\d+)/.exec(stdout)?.[1]);
          expect(Math.abs(known - signatures)).toBeLessThan(30); // lines of comment count too
        }
      }
    });
  });
});
