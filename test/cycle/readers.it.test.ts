import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Stage } from '../../scripts/files/stage.ts';
import { startHost } from '../../scripts/host/host.ts';
import { parseManifest } from '../../scripts/mirror/manifest.ts';
import { publish } from '../../scripts/mirror/publish.ts';
import { FolderStore } from '../../scripts/store/folder.ts';
import { describeMirror, sha256, startPublished } from '../support/mirror/cycle.ts';
import { official } from '../support/setup/official.ts';

const PUBLICATIONS = 12;
const READERS = 4;
/** Large enough that it is not written or read in one go. Bytes. */
const SIZE = 1024 * 1024;

describeMirror('defect 3: written in place, a reader gets half a file', () => {
  test('readers of a real host see whole files of one state or another through many publications', async () => {
    await using mirror = await startPublished(6, 6);
    const store = new FolderStore(mirror.store);
    const states = [await readFile(official('test-6.cvd')), randomBytes(SIZE), randomBytes(SIZE + 1)];
    const known = states.map(sha256);

    await using host = await startHost({ folder: mirror.store });
    const get = async (name: string): Promise<Buffer> => {
      const answer = await fetch(`${host.url}/${name}`);
      expect([name, answer.status]).toEqual([name, 200]);
      return Buffer.from(await answer.arrayBuffer());
    };
    const seen = { cvd: new Set<string>(), manifest: new Set<string>() };
    let done = false;
    const read = async () => {
      while (!done) {
        const hash = sha256(await get('test.cvd'));
        expect(known).toContain(hash);
        seen.cvd.add(hash);
        seen.manifest.add(parseManifest((await get('manifest.json')).toString(), host.url).checked);
        expect((await get('timestamp')).toString()).toMatch(/^\d+ \S+Z\n$/);
      }
    };
    const readers = Promise.all([...Array(READERS).keys()].map(read));

    for (let round = 0; round < PUBLICATIONS; round++) {
      await replaceCvd(store, join(mirror.work, 'run'), states[round % states.length] ?? Buffer.alloc(0));
      // Else a machine with better things to do publishes all of them between two looks of a reader.
      if (round < states.length) await expect.poll(() => seen.cvd.has(known[round] ?? '')).toBe(true);
    }
    done = true;
    await readers;
    expect(seen.cvd.size).toBeGreaterThan(1); // else nothing was published under their eyes
    expect(seen.manifest.size).toBeGreaterThan(1);
  });
});

/** Publishes other bytes as `test.cvd`: what they are does not matter here. */
async function replaceCvd(store: FolderStore, folder: string, bytes: Buffer): Promise<void> {
  const stage = await Stage.create(folder);
  await writeFile(stage.incoming('test.cvd'), bytes);
  await stage.accept({ name: 'test.cvd', size: bytes.length, sha256: sha256(bytes), stored: false });
  const found = await store.readManifest();
  const previous = parseManifest(found?.text ?? '', store.where);
  const next = { ...previous, checked: new Date().toISOString() };
  await publish(store, found?.tag, { stage, next });
}
