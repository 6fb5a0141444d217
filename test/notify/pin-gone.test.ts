import { expect, test } from 'vitest';
import { PIN_GONE } from '../../scripts/engine/images/pin-gone.ts';
import { parseMarker } from '../../scripts/notify/github/issue-state.ts';
import { parseRunReport, type RunReport, together } from '../../scripts/notify/run-report.ts';
import { type FakeGitHub, startGitHub } from '../support/github/api.ts';
import { Clock, failing, failure, reportOf, startNotifier, well } from './support.ts';

const gone = failure('configuration', { code: PIN_GONE, about: 'newest', what: 'the image is gone' });
const CHECKED: RunReport = { ...reportOf([]), serving: null, upstream: {} };
const reports = (...all: RunReport[]) => together(all);
const states = ({ issues }: FakeGitHub) => issues.map(({ labels, state }) => `${labels.at(-1)}: ${state}`);

test('a pin that is gone has an issue of its own words, which outlives cycles that go well', async () => {
  await using github = await startGitHub();
  const notifier = startNotifier(github, new Clock());
  const check: RunReport = { ...CHECKED, failures: [gone] };
  const cycle = well('configuration', 'upstream', 'publication');
  await notifier.tell(reports(cycle, check));
  await notifier.tell(reports(cycle, check));
  expect(states(github)).toEqual(['clamav-mirror: configuration: open']);
  const [issue] = github.issues;
  expect(issue?.title).toMatch(/pinned image of ClamAV is gone: newest \(mirror/);
  expect(issue?.body).toContain('The mirror goes on');
  expect(issue?.body).toContain('the image is gone');
  expect(parseMarker(issue?.body ?? '')).toMatchObject({ code: PIN_GONE, count: 2 });

  await notifier.tell(reports(cycle, { ...CHECKED, undecided: [PIN_GONE] }));
  expect(states(github)).toEqual(['clamav-mirror: configuration: open']);
  await notifier.tell(reports(cycle, CHECKED));
  expect(states(github)).toEqual(['clamav-mirror: configuration: closed']);
});

test('an issue about settings is closed, whatever is not known of the pins', async () => {
  await using github = await startGitHub();
  const notifier = startNotifier(github, new Clock());
  await notifier.tell(failing('configuration'));
  await notifier.tell(reports(well('configuration'), { ...CHECKED, undecided: [PIN_GONE] }));
  expect(states(github)).toEqual(['clamav-mirror: configuration: closed']);
});

test('an issue about settings that becomes one about a pin gets another title, and back', async () => {
  await using github = await startGitHub();
  const notifier = startNotifier(github, new Clock());
  await notifier.tell(failing('configuration'));
  await notifier.tell({ ...CHECKED, failures: [gone] });
  expect(github.issues[0]?.title).toMatch(/pinned image of ClamAV is gone: newest/);
  await notifier.tell(failing('configuration'));
  expect(github.issues[0]?.title).toMatch(/the settings are wrong \(mirror/);
});

test('a job that died is told of, also where the job before it has something to tell', async () => {
  await using github = await startGitHub();
  const notifier = startNotifier(github, new Clock(), { CLAMAV_MIRROR_ISSUE_AFTER: '1' });
  await notifier.tell({ ...CHECKED, failures: [gone] }, { mirror: 'failure' });
  expect(states(github).sort()).toEqual([
    'clamav-mirror: configuration: open',
    'clamav-mirror: publication: open',
  ]);
});

test('reports of several jobs become one, in which nothing is lost', () => {
  const cycle = reportOf([failure('configuration'), failure('upstream')], ['integrity']);
  const merged = together([cycle, { ...CHECKED, failures: [gone], recovered: ['host'] }]);
  expect(merged?.failures.map(({ class: kind, code, what }) => [kind, code, what])).toEqual([
    ['configuration', 'configuration/broken', expect.stringContaining('the image is gone')],
    ['upstream', 'upstream/broken', expect.any(String)],
  ]);
  expect(merged).toMatchObject({ recovered: ['integrity', 'host'], serving: cycle.serving });
  expect(parseRunReport(JSON.stringify(merged))).toEqual(merged);
  expect(together([])).toBeUndefined();
});
