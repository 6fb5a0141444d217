import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { encodeTar, type TarFile } from '../../scripts/cvd/container/writer.ts';
import { run } from '../../scripts/engine/engine.ts';
import { findNativeEngine } from '../../scripts/engine/native.ts';
import { eicar, type Sample, SCAN_LIMITS, writeSamples } from '../../scripts/proof/samples/samples.ts';
import { readUserSamples } from '../../scripts/proof/samples/user-samples.ts';
import { describeWithClamav, describeWithOfficial, official } from '../support/setup/official.ts';

const file = (name: string, text: string): TarFile => ({
  name,
  size: text.length,
  data: [Buffer.from(text)],
});
/** More than clamscan scans if it is not told to. */
const LARGE = file('zeros', '\0'.repeat(110e6));

describeWithOfficial("with Talos' test database", () => {
  describeWithClamav('real clamscan, in one run over the folder of samples,', () => {
    let folder: string;
    let samples: Sample[];
    let output: string;
    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'samples-'));
      for (const name of ['db', 'good', 'bad']) await mkdir(join(folder, name));
      await copyFile(official('test-6.cvd'), join(folder, 'db', 'test.cvd'));
      await writeFile(join(folder, 'good', 'a b.txt'), 'Nothing.\n');
      await writeFile(join(folder, 'bad', 'list'), 'mine: Eicar-Test-Signature FOUND\nlarge.tar\n');
      await writeFile(join(folder, 'bad', 'mine'), eicar());
      await writeFile(join(folder, 'bad', 'large.tar'), encodeTar([LARGE, file('eicar.com', eicar())]));
      const user = await readUserSamples({
        clean: join(folder, 'good'),
        infected: join(folder, 'bad', 'list'),
      });
      samples = await writeSamples(join(folder, 'samples'), new Map([['test', 14]]), user);
      const engine = await findNativeEngine(process.env.PATH ?? '');
      ({ output } = await run(engine, {
        tool: 'clamscan',
        folder,
        args: (at) => [`--database=${at}/db`, ...SCAN_LIMITS, '--no-summary', '--recursive', `${at}/samples`],
        timeout: 60_000,
      }));
    });
    afterAll(async () => await rm(folder, { recursive: true, force: true }));

    test('judges every one of them, and no other file, as it is expected', () => {
      const said = output.split('\n').filter((line) => line.startsWith(folder));
      const right = samples.map(({ name, expected }) => {
        return `${folder}/samples/${name}: ${expected === 'clean' ? 'OK' : 'Eicar-Test-Signature FOUND'}`;
      });
      expect(said.sort()).toEqual(right.sort());
      expect(samples.filter(({ origin }) => origin !== undefined)).toHaveLength(3);
    });
  });
});
