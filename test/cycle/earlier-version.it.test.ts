import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { trusting } from '../support/clamav/engines.ts';
import { CDIFFS, describeMirror, ofTest, startMirror, type TestMirror } from '../support/mirror/cycle.ts';
import { official } from '../support/setup/official.ts';

/** The manifest and the state that 0.1.0 left, before its modules moved to rooms. URLs stand there as `UPSTREAM`. */
const RECORDED = join(import.meta.dirname, 'earlier-version');
const openProver = async () => trusting;
const flags = { archive: '2' };

/** Hours after the first of the runs that were recorded; the last one was told 429 at hour 3, for ten hours. */
const atHour = (hour: number) => () => new Date(Date.parse('2026-03-01T10:00:00Z') + hour * 60 * 60_000);

/** A mirror as the earlier version left it: 5 published, 6 quarantined until hour 26. */
async function startEarlierMirror(): Promise<TestMirror> {
  const mirror = await startMirror(6);
  const recorded = async (name: string) =>
    (await readFile(join(RECORDED, name), 'utf8')).replaceAll('UPSTREAM', mirror.upstream.url);
  await mkdir(join(mirror.store, 'archive'), { recursive: true });
  await mkdir(mirror.work, { mode: 0o700 });
  for (const name of CDIFFS.slice(0, 4)) await copyFile(official(name), join(mirror.store, name));
  await copyFile(official('test-5.cvd'), join(mirror.store, 'test.cvd'));
  await copyFile(official('test-4.cvd'), join(mirror.store, 'archive', 'test-4.cvd'));
  await writeFile(join(mirror.store, 'manifest.json'), await recorded('manifest.json'));
  await writeFile(join(mirror.work, 'state.json'), await recorded('state.json'), { mode: 0o600 });
  return mirror;
}

describeMirror('a mirror that an earlier version left', () => {
  test('keeps its cool-down, then its quarantine, and is updated when both are over', async () => {
    await using mirror = await startEarlierMirror();
    const cooling = await mirror.sync({ openProver, flags, now: atHour(4) });
    expect(ofTest(cooling)).toMatchObject({ outcome: 'failed', code: 'upstream/cool-down', to: 5 });
    expect(mirror.upstream.asked).toEqual([]);

    const quarantined = await mirror.sync({ openProver, flags, now: atHour(14) });
    expect(ofTest(quarantined)).toMatchObject({ outcome: 'refused', code: 'proof/held', to: 5, offered: 6 });

    const updated = await mirror.sync({ openProver, flags, now: atHour(27) });
    expect(ofTest(updated)).toMatchObject({ outcome: 'published', from: 5, to: 6, how: 'rebuilt' });
    const manifest = JSON.parse(await readFile(join(mirror.store, 'manifest.json'), 'utf8'));
    expect(Object.keys(manifest.files)).toEqual(
      expect.arrayContaining(['archive/test-4.cvd', 'archive/test-5.cvd', ...CDIFFS]),
    );
  });
});
