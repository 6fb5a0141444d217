import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { trusting } from '../../support/clamav/engines.ts';
import { compressingFreshclam, freshclam, type UpdateClient } from '../../support/clamav/update-clients.ts';
import {
  CDIFFS,
  describeMirror,
  faults,
  hashes,
  offer,
  ofTest,
  sha256,
  startMirror,
  type TestMirror,
} from '../../support/mirror/cycle.ts';
import { startUpstream } from '../../support/mirror/upstream.ts';
import { official } from '../../support/setup/official.ts';
import { keptBy } from './folder.ts';

const PROBE = 522;
const quick = { openProver: async () => trusting };

/** The CLD that a real freshclam keeps after it came to this version by CDIFFs. */
async function cldBy(program: UpdateClient, mirror: TestMirror, version: number): Promise<Buffer> {
  return await readFile(join(await keptBy(program, mirror, 1, version), 'test.cld'));
}

describeMirror('an upstream that is the folder of a freshclam', () => {
  test.each([
    ['a plain', freshclam],
    ['a compressed', compressingFreshclam],
  ])(
    'with %s CLD is the base of a rebuild, where another upstream gives the header and the CDIFFs',
    async (_, program) => {
      await using mirror = await startMirror(1);
      const cld = await cldBy(program, mirror, 5);
      offer(mirror, 6);
      await using other = await startUpstream(new Map([['test.cld', cld]]));
      mirror.upstream.forget();
      const flags = { upstream: `${other.url},${mirror.upstream.url}` };
      const report = await mirror.sync({ ...quick, flags });
      expect(ofTest(report)).toMatchObject({ outcome: 'published', to: 6, how: 'rebuilt' });
      expect(ofTest(report).notes).toContainEqual(expect.stringContaining('test.cld'));
      expect(mirror.upstream.sent('test.cvd')).toBe(PROBE);
      expect(mirror.upstream.asked.filter((name) => name.endsWith('.cdiff')).sort()).toEqual(CDIFFS);
      expect((await hashes(mirror.store)).get('test.cvd')).toBe(
        sha256(await readFile(official('test-6.cvd'))),
      );
      expect(await faults(mirror.store)).toEqual([]);

      other.forget();
      expect(ofTest(await mirror.sync({ ...quick, flags }))).toMatchObject({ outcome: 'unchanged', to: 6 });
      expect(other.sent('test.cld')).toBe(PROBE); // it is asked what it has, and not for all of it
    },
  );

  test('that cannot be used costs a warning: the whole CVD comes from the other', async () => {
    await using mirror = await startMirror(6);
    const path = join(mirror.folder, 'test.cld');
    await writeFile(path, await cldBy(freshclam, mirror, 5));
    const cut = (await readFile(path)).subarray(0, -600);
    await using other = await startUpstream(new Map([['test.cld', cut]]));
    offer(mirror, 6);
    const flags = { upstream: `${other.url},${mirror.upstream.url}` };
    expect(ofTest(await mirror.sync({ ...quick, flags }))).toMatchObject({
      outcome: 'published',
      to: 6,
      how: 'downloaded',
    });
    expect(await faults(mirror.store)).toEqual([]);
  });

  test('and alone is named for what it is, with what to do instead', async () => {
    await using mirror = await startMirror(1);
    const cld = await cldBy(freshclam, mirror, 5);
    await using other = await startUpstream(new Map([['test.cld', cld]]));
    const report = await mirror.sync({ ...quick, flags: { upstream: other.url } });
    expect(ofTest(report)).toMatchObject({ outcome: 'failed', code: 'upstream/cld', to: null });
    expect(ofTest(report).reason).toContain('--adopt');
  });
});
