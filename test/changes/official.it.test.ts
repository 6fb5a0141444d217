import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { changesByCdiffs } from '../../scripts/changes/from-cdiffs.ts';
import { changesByDatabases } from '../../scripts/changes/from-databases.ts';
import { chunksOfSync } from '../../scripts/files/open.ts';
import { temporaryFolder } from '../store/support.ts';
import { readContainer } from '../support/databases/containers.ts';
import { describeWithOfficial, official } from '../support/setup/official.ts';
import { plainDifference } from './plain.ts';

const VERSIONS = [1, 2, 3, 4, 5, 6];
const cvd = (version: number) => official(`test-${version}.cvd`);
const filesOf = (version: number) => {
  const { files } = readContainer(readFileSync(cvd(version)));
  return new Map([...files].filter(([name]) => name !== 'COPYING' && !name.endsWith('.info')));
};

describeWithOfficial("Talos' own versions", () => {
  test('differ in what their CDIFFs change', async () => {
    const cdiffs = VERSIONS.slice(1).map((version) => ({
      version,
      bytes: () => chunksOfSync(official(`test-${version}.cdiff`)),
    }));
    const steps = await changesByCdiffs('test', cvd(1), cdiffs, join(temporaryFolder(), 'unpacked'));
    for (const { from, to, files } of steps)
      expect(files).toEqual(plainDifference(filesOf(from), filesOf(to)));
    expect(steps.map(({ to }) => to)).toEqual(VERSIONS.slice(1));
  });

  test.each(
    VERSIONS.flatMap((from) => VERSIONS.filter((to) => to !== from).map((to) => [from, to] as const)),
  )('differ from %i to %i as their unpacked files do', async (from, to) => {
    const step = await changesByDatabases('test', cvd(from), cvd(to));
    expect(step).toMatchObject({ from, to });
    expect(step.files).toEqual(plainDifference(filesOf(from), filesOf(to)));
  });
});
