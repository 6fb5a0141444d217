import { writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { CHANGES_STEPS, CHANGES_VERSIONS } from '../../scripts/base/limits/page.ts';
import { SILENT } from '../../scripts/base/log.ts';
import { completeChanges, type DatabaseFiles } from '../../scripts/changes/complete.ts';
import { readStep } from '../../scripts/changes/find.ts';
import { latestChanges, readOverview } from '../../scripts/changes/overview.ts';
import { textsOf } from '../../scripts/changes/texts.ts';
import { changesName } from '../../scripts/cvd/names.ts';
import { FolderStore } from '../../scripts/store/folder.ts';
import { temporaryFolder } from '../store/support.ts';
import { makeChain } from '../support/databases/chain.ts';

/** Version N of a database has the signatures Win.Test-1 to Win.Test-N, but the first ten go with version N + 10. */
const ALL = makeChain(
  'test',
  Array.from({ length: CHANGES_VERSIONS + 5 }, (_, at) => {
    const first = Math.max(1, at + 1 - 10);
    const names = Array.from({ length: at + 2 - first }, (_, offset) => `Win.Test-${first + offset}`);
    return new Map([['test.ndb', Buffer.from(names.map((name) => `${name}:0:*:00\n`).join(''))]]);
  }),
);

/** A store, and what a mirror at these versions would have to make lists of. */
function mirror() {
  const store = new FolderStore(temporaryFolder());
  const [files, work] = [temporaryFolder(), temporaryFolder()];
  const at = (version: number, change: { cdiffs?: readonly number[]; cvds?: readonly number[] } = {}) => {
    const { cdiffs = [], cvds = [version] } = change;
    const bring = (kind: 'cvd' | 'cdiff') => (one: number) => {
      const path = join(files, `${one}.${kind}`);
      writeFileSync(path, ALL[one - 1]?.[kind] ?? '');
      return [one, async () => path] as const;
    };
    const found: DatabaseFiles = {
      ...{ database: 'test', version },
      cdiffs: new Map(cdiffs.map(bring('cdiff'))),
      cvds: new Map(cvds.map(bring('cvd'))),
    };
    return found;
  };
  const complete = async (found: DatabaseFiles, room?: number) => {
    const listing = await store.list();
    const completion = await completeChanges(found, {
      ...{ store, listing, log: SILENT, room },
      folder: join(work, 'unpacked'),
    });
    if (completion === undefined) return undefined;
    await using publication = await store.begin(undefined);
    for (const [name, text] of completion.texts) await publication.write(name, text);
    await publication.commit();
    for (const name of completion.remove) await publication.remove(name);
    return completion;
  };
  const read = textsOf(store);
  const kept = async () => (await readOverview(read, 'test')).map(({ to }) => to);
  return { store, at, complete, read, kept };
}

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, at) => from + at);

describe('the lists of a store', () => {
  test('are made of as many CDIFFs at a time as CHANGES_STEPS says, and the rest waits', async () => {
    const { at, complete, kept } = mirror();
    const found = at(60, { cdiffs: range(2, 60) });
    await complete(found);
    expect(await kept()).toEqual(range(61 - CHANGES_STEPS, 60));
    await complete(found);
    expect(await kept()).toEqual(range(2, 60));
    expect(await complete(found)).toBeUndefined();
  });

  test('name what went by the CVD from which CDIFFs lead on', async () => {
    const { at, complete, read } = mirror();
    await complete(at(30, { cdiffs: range(15, 30), cvds: [27, 29, 30] }));
    const step = async (to: number) => await readStep(read, 'test', { to });
    expect((await step(30))?.files).toEqual([
      {
        file: 'test.ndb',
        added: { lines: 1, names: ['Win.Test-30'] },
        removed: { lines: 1, names: ['Win.Test-19'] },
      },
    ]);
    expect((await step(28))?.source).toBe('cdiff');
    expect((await step(27))?.source).toBe('cdiff alone');
  });

  test('are a hundred at most: the oldest goes', async () => {
    const { store, at, complete, kept } = mirror();
    for (const version of [40, 80, CHANGES_VERSIONS + 1])
      await complete(at(version, { cdiffs: range(Math.max(2, version - 39), version) }));
    await complete(at(CHANGES_VERSIONS + 1, { cdiffs: range(2, CHANGES_VERSIONS + 1) }));
    expect(await kept()).toEqual(range(2, CHANGES_VERSIONS + 1));
    const last = CHANGES_VERSIONS + 2;
    expect((await complete(at(last, { cdiffs: [last] })))?.remove).toEqual([changesName('test', 2)]);
    expect(await kept()).toEqual(range(3, last));
    expect((await store.list()).has(changesName('test', 2))).toBe(false);
  });

  test('stay after a rollback, and go on from there', async () => {
    const { at, complete, kept } = mirror();
    await complete(at(20, { cdiffs: range(15, 20) }));
    expect(await complete(at(18, { cdiffs: range(15, 18), cvds: [17, 18, 20] }))).toBeUndefined();
    await complete(at(21, { cdiffs: range(15, 21), cvds: [18, 20, 21] }));
    expect(await kept()).toEqual(range(15, 21));
  });

  test('of versions before the hundred are not made after a rollback either', async () => {
    const { at, complete, kept } = mirror();
    const last = CHANGES_VERSIONS + 3;
    for (const version of [43, 83, last])
      await complete(at(version, { cdiffs: range(version - 39, version) }));
    expect(await kept()).toEqual(range(4, last));
    expect(await complete(at(last - 3, { cdiffs: range(2, last - 3) }))).toBeUndefined();
  });

  test('tell of one step each, once the CDIFFs come that were missing', async () => {
    const { at, complete, read } = mirror();
    await complete(at(20, { cvds: [17, 20] }));
    const steps = async () => (await readOverview(read, 'test')).map(({ from, to }) => [from, to]);
    expect(await steps()).toEqual([[17, 20]]);
    await complete(at(20, { cdiffs: [18, 19, 20], cvds: [17, 20] }));
    expect(await steps()).toEqual([
      [17, 18],
      [18, 19],
      [19, 20],
    ]);
  });

  test('take no more room than there is, and are not made again for that', async () => {
    const { at, complete, kept } = mirror();
    const found = at(20, { cdiffs: range(11, 20) });
    await complete(found, 1500);
    const few = await kept();
    expect(few.at(-1)).toBe(20);
    expect(few.length).toBeLessThan(5);
    expect(await complete(found, 1500)).toBeUndefined();
  });

  test('are made of a CDIFF alone where the CVD before is another one, or is gone', async () => {
    const { at, complete, read } = mirror();
    const found = at(20, { cdiffs: [20], cvds: [19, 20] });
    const other = at(20, { cvds: [12] }).cvds.get(12);
    if (other === undefined) throw new Error('a CVD was made');
    await complete({ ...found, cvds: new Map([[19, other]]) });
    expect((await readStep(read, 'test', { to: 20 }))?.source).toBe('cdiff alone');
    const later = at(21, { cdiffs: [21] });
    await complete({ ...later, cvds: new Map([[20, async () => '/nowhere/test.cvd']]) });
    expect((await readStep(read, 'test', { to: 21 }))?.source).toBe('cdiff alone');
  });

  test('are left as somebody else wrote them, and so is their overview', async () => {
    const { store, at, complete } = mirror();
    const name = join(store.where, 'changes', 'test.json');
    await complete(at(2, { cdiffs: [2] }));
    writeFileSync(name, '{ "generator": "somebody else" }');
    expect(await complete(at(3, { cdiffs: [2, 3] }))).toBeUndefined();
    expect(await readFile(name, 'utf8')).toContain('somebody else');
  });
});

describe('the latest changes', () => {
  test('are the last steps of each database, newest first, with counts', async () => {
    const { at, complete, read } = mirror();
    await complete(at(20, { cdiffs: range(11, 20), cvds: [10, 20] }));
    const found = await latestChanges(read, ['test', 'daily'], 2);
    expect([...found.keys()]).toEqual(['test', 'daily']);
    expect(found.get('test')).toMatchObject([
      { from: 19, to: 20, added: 1, removed: 1, exchanged: 0 },
      { from: 18, to: 19, added: 1, removed: 1, exchanged: 0 },
    ]);
    expect(found.get('daily')).toEqual([]);
  });
});
