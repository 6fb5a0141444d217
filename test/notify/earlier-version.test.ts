import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startGitHub } from '../support/github/api.ts';
import { Clock, failing, startNotifier, well } from './support.ts';

/** The issue that 0.1.0 opened for a refused proof, as GitHub had it, before its modules moved to rooms. */
const RECORDED = join(import.meta.dirname, 'issue-of-0.1.0.json');

test('an issue that an earlier version opened is counted on, and closed when all is well', async () => {
  const clock = new Clock();
  await using github = await startGitHub({ now: clock.now });
  github.issues.push(JSON.parse(await readFile(RECORDED, 'utf8')));
  const notifier = startNotifier(github, clock);
  clock.pass({ hours: 1 });
  expect(await notifier.tell(failing('proof'))).toEqual({ issue: 1, warnings: [] });
  expect(github.issues).toHaveLength(1);
  clock.pass({ hours: 1 });
  await notifier.tell(well('proof'));
  expect(github.issues[0]).toMatchObject({ state: 'closed', reason: 'completed' });
});
