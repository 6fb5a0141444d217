import { expect, test } from 'vitest';
import { SILENT } from '../../scripts/base/log.ts';
import { findSignature } from '../../scripts/changes/find.ts';
import { digestsOf, encodeNameIndex } from '../../scripts/changes/name-index.ts';
import { encodeOverview, readOverview, summaryOf } from '../../scripts/changes/overview.ts';
import { encodeStep } from '../../scripts/changes/record.ts';
import { restoreChanges } from '../../scripts/changes/restore.ts';
import { type ReadText, textsOf } from '../../scripts/changes/texts.ts';
import { changesIndexName, changesName, changesOverviewName } from '../../scripts/cvd/names.ts';
import { FolderStore } from '../../scripts/store/folder.ts';
import { temporaryFolder } from '../store/support.ts';
import { stepWith } from './facts.ts';

/** What a served mirror has, of two versions. */
function served(change: Readonly<Record<string, string | undefined>> = {}): ReadText {
  const steps = [2, 3].map((to) => stepWith([`Win.Test-${to}`], { from: to - 1, to }));
  const summaries = steps.map((step) => summaryOf(step, encodeStep(step)));
  const texts: Record<string, string | undefined> = {
    ...Object.fromEntries(steps.map((step) => [changesName('daily', step.to), encodeStep(step)])),
    [changesOverviewName('daily')]: encodeOverview('daily', summaries),
    [changesIndexName('daily')]: encodeNameIndex(
      'daily',
      new Map(steps.map((step) => [step.to, digestsOf(step) ?? ''])),
    ),
    ...change,
  };
  return async (name) => texts[name];
}

async function restored(read: ReadText) {
  const store = new FolderStore(temporaryFolder());
  await restoreChanges(read, store, { databases: ['daily', 'main'], log: SILENT });
  return store;
}

test('a mirror that was restored knows what changed before', async () => {
  const store = await restored(served());
  const [answer] = await findSignature(textsOf(store), ['daily', 'main'], 'Win.Test-2');
  expect(answer?.events.map(({ to }) => to)).toEqual([2]);
  expect([...(await store.list()).keys()].sort()).toEqual([
    ...['changes/daily-2.json', 'changes/daily-3.json', 'changes/daily.json', 'changes/daily.names.json'],
  ]);
});

test.each([
  ['is missing', undefined],
  ['is a page', '<html>'],
  ['has other bytes', encodeStep(stepWith(['Win.Other-2-with-a-longer-name']))],
])('a list that %s is left out, and its version with it', async (_, text) => {
  const store = await restored(served({ [changesName('daily', 2)]: text }));
  expect((await readOverview(textsOf(store), 'daily')).map(({ to }) => to)).toEqual([3]);
});

test('a mirror without lists gives none', async () => {
  const store = await restored(async () => undefined);
  expect((await store.list()).size).toBe(0);
});
