import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { CachedStore } from '../../scripts/mirror/cached-store.ts';
import { Copies } from '../../scripts/store/copies.ts';
import { sha256, temporaryFolder } from '../store/support.ts';
import { describeWithSmallDisks, mount } from '../support/machine/small-disk.ts';
import { Counted, publishTexts } from './counted-folder.ts';

describeWithSmallDisks('copies of a store on a full disk', () => {
  test('nothing is kept, at most half of what is free is taken, and all is fetched', async () => {
    const folder = temporaryFolder();
    const copies = join(folder, 'copies');
    const store = new Counted(join(folder, 'mirror'));
    /** As in another run. */
    const open = () => new CachedStore(store, new Copies(copies));
    const fetched = async () => {
      const path = join(folder, 'fetched');
      await open().fetch('main.cvd', path);
      return await readFile(path, 'utf8');
    };
    await mkdir(copies);
    using disk = mount(copies, '64k');
    const large = 'x'.repeat(50_000);
    await publishTexts({ 'main.cvd': large, 'bytecode.cvd': 'small' }, open(), folder);
    expect(await readdir(copies)).toEqual([sha256('small')]);
    expect(await fetched()).toBe(large);
    await writeFile(join(copies, 'in the way'), 'x'.repeat(65_000)).catch(() => {});
    expect(await fetched()).toBe(large);
    disk.resize('256k');
    expect(await fetched()).toBe(large);
    expect(store.fetched).toEqual(['main.cvd', 'main.cvd', 'main.cvd']);
    expect(await fetched()).toBe(large);
    expect(store.fetched).toHaveLength(3);
  });
});
