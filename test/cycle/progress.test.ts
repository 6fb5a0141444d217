import { expect, test } from 'vitest';
import { SILENT } from '../../scripts/base/log.ts';
import type { Survey, Update } from '../../scripts/cycle/database.ts';
import { Progress } from '../../scripts/cycle/progress.ts';
import type { Published } from '../../scripts/mirror/published.ts';
import { VerifyError } from '../../scripts/verify/error.ts';

const NOTHING: Published = {
  ...{ manifest: undefined, tag: undefined, databases: new Map() },
  ...{ damaged: [], lostSigns: [], listing: new Map() },
};

test('an error of a turn with updates is theirs alone, and the next turn is reported beside it', async () => {
  const progress = start();
  await progress.turn(NOTHING, async () => {
    take(progress, 'main', true);
    throw new VerifyError('verify/mismatch', 'not what Talos signed');
  });
  await progress.turn(NOTHING, async () => take(progress, 'daily', true));
  const { outcome, databases, error } = progress.report();
  expect([outcome, databases.main?.outcome, databases.daily?.outcome]).toEqual([
    'refused',
    'refused',
    'published',
  ]);
  expect(error).toBeUndefined();
});

test('an error of a turn without updates is not "unchanged": it ends the run', async () => {
  const progress = start();
  await progress.turn(NOTHING, async () => take(progress, 'main', true));
  const failing = progress.turn(NOTHING, async () => {
    take(progress, 'daily', false);
    throw new Error('the store is full');
  });
  await expect(failing).rejects.toThrow();
  progress.fail(await failing.catch((error) => error));
  const { outcome, databases, error } = progress.report();
  expect(outcome).toBe('failed');
  expect(databases).toEqual({ main: expect.objectContaining({ outcome: 'published' }) });
  expect(error).toEqual({ code: 'unexpected', message: 'the store is full' });
});

function start(): Progress {
  return new Progress({ log: SILENT, now: () => new Date() }, false);
}

/** Takes a database into this turn, whose update is new or only looked at. */
function take(progress: Progress, database: string, isNew: boolean): void {
  const client: Pick<Survey['client'], 'received'> = { received: 0 };
  const survey = { database, client, published: undefined, advertisement: { isNew: false } };
  const update: Update = { database, record: undefined, how: 'downloaded', isNew };
  progress.surveys = [survey as Survey];
  progress.updates = [update];
}
