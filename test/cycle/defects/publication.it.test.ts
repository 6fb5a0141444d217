import { appendFile, copyFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Prove } from '../../../scripts/proof/prove.ts';
import { openProver } from '../../support/clamav/engines.ts';
import {
  describeMirror,
  expectNoLeftovers,
  faults,
  namesIn,
  ofTest,
  startMirror,
  startPublished,
  unharmed,
} from '../../support/mirror/cycle.ts';
import { official } from '../../support/setup/official.ts';

describeMirror('defect 11: what was tested is not what is published', () => {
  const tampering = (change: (stage: string) => Promise<unknown>) => async (): Promise<Prove> => {
    const prove = await openProver();
    return async (candidate) => {
      const proof = await prove(candidate);
      await change(candidate.folder);
      return proof;
    };
  };
  const changes: Readonly<Record<string, (stage: string) => Promise<unknown>>> = {
    'the CVD is exchanged for a genuine older one': (stage) =>
      copyFile(official('test-5.cvd'), join(stage, 'test.cvd')),
    'the last CDIFF is exchanged for another': (stage) =>
      copyFile(official('test-5.cdiff'), join(stage, 'test-6.cdiff')),
    'a byte is appended to the CVD': (stage) => appendFile(join(stage, 'test.cvd'), 'x'),
    'the CVD vanishes': (stage) => rm(join(stage, 'test.cvd')),
  };

  test.each(Object.keys(changes))('nothing is published if, after the proof, %s', async (name) => {
    await using mirror = await startPublished(1, 6);
    const openProver = tampering(changes[name] ?? (async () => {}));
    const report = await unharmed(mirror, () => mirror.sync({ openProver }));
    const failed = { outcome: 'failed', from: 1, to: 1, offered: 6 };
    expect(ofTest(report), JSON.stringify(report)).toMatchObject(failed);
    expect(report.proof?.passed).toBe(true);
    expect(await faults(mirror.store)).toEqual([]);
    await expectNoLeftovers(mirror);
  });

  test('a mirror that is empty stays without database and manifest', async () => {
    await using mirror = await startMirror();
    const openProver = tampering((stage) => appendFile(join(stage, 'test.cvd'), 'x'));
    const report = await unharmed(mirror, () => mirror.sync({ openProver }));
    expect(ofTest(report)).toMatchObject({ outcome: 'failed', code: 'file/changed', to: null });
  });

  test('a file that appears in the stage is not published', async () => {
    await using mirror = await startMirror();
    const openProver = tampering(async (stage) => {
      await writeFile(join(stage, 'test-7.cdiff'), 'x');
      await writeFile(join(stage, 'stray.html'), '<p>gone');
    });
    expect((await mirror.sync({ openProver })).outcome).toBe('published');
    const names = await namesIn(mirror.store);
    expect(names).toContain('test-6.cdiff');
    expect(names).not.toContain('test-7.cdiff');
    expect(names).not.toContain('stray.html');
  });
});
