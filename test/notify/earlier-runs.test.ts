import { describe, expect, test } from 'vitest';
import { FAILURE_CLASSES } from '../../scripts/notify/run-report.ts';
import { type FakeRun, startGitHub } from '../support/github/api.ts';
import { Clock, failing, startNotifier, well } from './support.ts';

const NONE = { issue: undefined, warnings: [] };
const runs = (...conclusions: string[]): FakeRun[] =>
  conclusions.map((conclusion, index) => ({ id: 900 + index, conclusion, at: '2026-03-01T08:00:00Z' }));

describe('an issue', () => {
  test.each(FAILURE_CLASSES)('of the class %s is opened when it is time', async (failed) => {
    await using github = await startGitHub();
    github.runs.push(...runs('failure', 'success', 'failure'));
    const notifier = startNotifier(github, new Clock());
    const passes = ['upstream', 'publication', 'host'].includes(failed);
    expect(await notifier.tell(failing(failed))).toEqual(passes ? NONE : { issue: 1, warnings: [] });
    github.runs.push({ id: 903, conclusion: 'failure', at: '2026-03-01T09:00:00Z' });
    expect(await notifier.tell(failing(failed))).toEqual({ issue: 1, warnings: [] });
  });

  test.each([
    [['failure', 'failure'], true],
    [['cancelled', 'timed_out'], true],
    [['startup_failure', 'skipped', 'failure'], true],
    [['failure', 'failure', 'success'], false],
    [['failure', 'success', 'failure'], false],
    [['failure', 'skipped', 'neutral'], false],
    [[], false],
  ])('after the runs %j: %s', async (before, isOpened) => {
    await using github = await startGitHub();
    github.runs.push(...runs(...before));
    expect((await startNotifier(github, new Clock()).tell(failing('upstream'))).issue).toBe(
      isOpened ? 1 : undefined,
    );
  });

  test('counts neither later runs, nor unfinished ones, nor those of other workflows', async () => {
    await using github = await startGitHub();
    github.runs.push(
      ...runs('failure'),
      { id: 950, conclusion: null, status: 'in_progress', at: '2026-03-01T09:00:00Z' },
      { id: 951, conclusion: 'failure', file: 'watchdog.yml', at: '2026-03-01T09:00:00Z' },
      { id: 1000, conclusion: 'failure', at: '2026-03-01T09:00:00Z' },
      { id: 1001, conclusion: 'failure', at: '2026-03-01T09:00:00Z' },
    );
    expect(await startNotifier(github, new Clock()).tell(failing('upstream'))).toEqual(NONE);
  });

  test('waits as long as the setting says', async () => {
    await using github = await startGitHub();
    github.runs.push(...runs('failure', 'failure'));
    const patient = startNotifier(github, new Clock(), { CLAMAV_MIRROR_ISSUE_AFTER: '4' });
    expect((await patient.tell(failing('host'))).issue).toBeUndefined();
    const hasty = startNotifier(github, new Clock(), { CLAMAV_MIRROR_ISSUE_AFTER: '1' });
    expect((await hasty.tell(failing('host'))).issue).toBe(1);
  });

  test('that is open is counted on without waiting; one that is closed is not reopened before it is time', async () => {
    await using github = await startGitHub();
    const notifier = startNotifier(github, new Clock());
    github.runs.push(...runs('failure', 'failure'));
    await notifier.tell(failing('host'));
    github.runs.splice(0);
    expect((await notifier.tell(failing('host'))).issue).toBe(1);
    await notifier.tell(well('host'));
    expect(await notifier.tell(failing('host'))).toEqual(NONE);
    expect(github.issues[0]?.state).toBe('closed');
  });

  test.each([
    ['may not be read', { canReadActions: false }, {}],
    [
      'is of another repository',
      {},
      { GITHUB_WORKFLOW_REF: 'org/rules/.github/workflows/mirror.yml@refs/heads/main' },
    ],
  ])('is opened at once where the record of runs %s', async (_, options, variables) => {
    await using github = await startGitHub(options);
    const notifier = startNotifier(github, new Clock(), variables);
    expect(await notifier.tell(failing('upstream'))).toEqual({ issue: 1, warnings: [] });
    expect(notifier.lines.join()).toContain('the earlier runs are not known');
  });
});
