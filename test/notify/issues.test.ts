import { describe, expect, test } from 'vitest';
import { firstState, marker, parseMarker } from '../../scripts/notify/github/issue-state.ts';
import { mirrorId } from '../../scripts/notify/mirror-id.ts';
import { FAILURE_CLASSES } from '../../scripts/notify/run-report.ts';
import { type FakeGitHub, startGitHub } from '../support/github/api.ts';
import { Clock, failing, failure, MIRROR, RUN, reportOf, startNotifier, well } from './support.ts';

const BOT = 'github-actions[bot]';
const openOnes = ({ issues }: FakeGitHub) =>
  issues.filter(({ state }) => state === 'open').map(({ number }) => number);
const countOf = ({ issues }: FakeGitHub, number: number) =>
  parseMarker(issues[number - 1]?.body ?? '')?.count;
const bodyAs = (clock: Clock) => marker(firstState('integrity', MIRROR, RUN, clock.now()));

describe('a failure', () => {
  test('opens one issue, which tells what is served and what to do', async () => {
    await using github = await startGitHub();
    github.runs.push({ id: 900, conclusion: 'success', at: '2026-03-01T08:00:00Z' });
    const told = await startNotifier(github, new Clock()).tell(failing('integrity'));
    expect(told).toEqual({ issue: 1, warnings: [] });
    const [issue] = github.issues;
    expect(issue?.labels).toEqual(['clamav-mirror', 'clamav-mirror: integrity']);
    for (const part of [
      '| `daily` | 28000 | 28001 |',
      'Published 2026-02-28 20:00 UTC, 14 hours before',
      'Last checked as good 2026-03-01 09:00 UTC, 1 hour before',
      '`https://mirror.example/clamav`',
      'Class `integrity`, code `verify/signature`',
      'daily.cvd: integrity is broken',
      'first\nlast',
      '[run 1000, attempt 1](https://github.com/acme/mirror/actions/runs/1000/attempts/1)',
      'The last good run: [2026-03-01 08:00 UTC](https://github.com/acme/mirror/actions/runs/900), 2 hours before',
      '`resync`',
    ]) {
      expect(issue?.body).toContain(part);
    }
  });

  test('that repeats is counted, and commented once a day', async () => {
    const clock = new Clock();
    await using github = await startGitHub({ now: clock.now });
    const notifier = startNotifier(github, clock);
    for (let run = 0; run < 30; run++) {
      await notifier.tell(failing('integrity'));
      clock.pass({ hours: 2 });
    }
    expect(github.issues).toHaveLength(1);
    expect(countOf(github, 1)).toBe(30);
    expect(github.issues[0]?.comments).toHaveLength(2);
    expect(github.issues[0]?.comments[0]?.body).toContain(
      'Still failing, since 2026-03-01 10:00 UTC (1 day): 13 runs',
    );
  });

  test('is counted once for each run and attempt', async () => {
    const clock = new Clock();
    await using github = await startGitHub({ now: clock.now });
    await startNotifier(github, clock).tell(failing('integrity'));
    await startNotifier(github, clock).tell(failing('integrity'));
    await startNotifier(github, clock, { GITHUB_RUN_ATTEMPT: '2' }).tell(failing('integrity'));
    expect(countOf(github, 1)).toBe(2);
  });

  test('with the label `quiet` is counted without comments, and closed and reopened without', async () => {
    const clock = new Clock();
    await using github = await startGitHub({ now: clock.now });
    const notifier = startNotifier(github, clock);
    await notifier.tell(failing('integrity'));
    github.issues[0]?.labels.push('quiet');
    clock.pass({ days: 2 });
    await notifier.tell(failing('integrity'));
    expect(countOf(github, 1)).toBe(2);
    await notifier.tell(well('integrity'));
    expect(openOnes(github)).toEqual([]);
    clock.pass({ days: 2 });
    await notifier.tell(failing('integrity'));
    expect(openOnes(github)).toEqual([1]);
    expect(github.issues[0]?.comments).toEqual([]);
  });

  test('of each class has an issue of its own', async () => {
    await using github = await startGitHub();
    const told = await startNotifier(github, new Clock(), { CLAMAV_MIRROR_ISSUE_AFTER: '1' }).tell(
      failing(...FAILURE_CLASSES),
    );
    expect(told).toEqual({ issue: 1, warnings: [] });
    expect(github.issues.map(({ labels }) => labels[1])).toEqual(
      FAILURE_CLASSES.map((one) => `clamav-mirror: ${one}`),
    );
  });
});

describe('the title of an issue', () => {
  const about = (versions: string) => reportOf([failure('proof', { about: versions })]);

  test('names what it is about and whose it is, and moves on with the versions', async () => {
    await using github = await startGitHub();
    const notifier = startNotifier(github, new Clock());
    await notifier.tell(about('daily 28001'));
    const title = `ClamAV mirror: an engine refused a genuine database: daily 28001 (mirror mirror.example, ${MIRROR})`;
    expect(github.issues[0]?.title).toBe(title);
    await notifier.tell(about('daily 28002'));
    expect(github.issues[0]?.title).toBe(title.replace('28001', '28002'));
    await notifier.tell(failing('proof')); // ended as a whole: it says nothing else
    expect(github.issues[0]?.title).toContain('28002');
    expect(github.issues).toHaveLength(1);
  });

  test('stays what somebody made of it for as long as it is about the same', async () => {
    await using github = await startGitHub();
    const notifier = startNotifier(github, new Clock());
    await notifier.tell(about('daily 28001'));
    const [issue] = github.issues;
    if (issue === undefined) throw new Error('an issue was opened');
    issue.title = 'Our own words';
    await notifier.tell(about('daily 28001'));
    expect(issue.title).toBe('Our own words');
  });
});

describe('a recovery', () => {
  test('closes its own class only, and tells how long it lasted', async () => {
    const clock = new Clock();
    await using github = await startGitHub({ now: clock.now });
    const notifier = startNotifier(github, clock);
    await notifier.tell(failing('integrity', 'proof'));
    clock.pass({ hours: 20, minutes: 30 });
    await notifier.tell(failing('integrity', 'proof'));
    clock.pass({ hours: 6 });
    await notifier.tell(reportOf([failure('proof')], ['integrity', 'proof', 'stale']));
    expect(openOnes(github)).toEqual([2]);
    expect(github.issues[0]?.reason).toBe('completed');
    const [comment] = github.issues[0]?.comments ?? [];
    expect(comment?.body).toContain('failing for 1 day 2 hours, from 2026-03-01 10:00 UTC, in 2 runs.');
  });

  test('of a short while ago is undone by the next failure; of a long while ago is not', async () => {
    const clock = new Clock();
    await using github = await startGitHub({ now: clock.now });
    const notifier = startNotifier(github, clock);
    await notifier.tell(failing('integrity'));
    await notifier.tell(well('integrity'));
    clock.pass({ days: 9 });
    expect(await notifier.tell(failing('integrity'))).toEqual({ issue: 1, warnings: [] });
    expect(openOnes(github)).toEqual([1]);
    expect(countOf(github, 1)).toBe(1);
    expect(github.issues[0]?.comments.map(({ body }) => body.slice(0, 10))).toEqual([
      'Well again',
      'Failing ag',
    ]);
    await notifier.tell(well('integrity'));
    clock.pass({ days: 11 });
    expect(await notifier.tell(failing('integrity'))).toEqual({ issue: 2, warnings: [] });
  });

  test('that has nothing to close asks only for what is open', async () => {
    await using github = await startGitHub();
    await startNotifier(github, new Clock()).tell(well(...FAILURE_CLASSES));
    expect(github.requests.filter((line) => !line.startsWith('GET '))).toEqual([]);
    expect(github.requests).toHaveLength(3);
  });

  test('without anything to tell asks nothing', async () => {
    await using github = await startGitHub();
    expect(await startNotifier(github, new Clock()).tell(undefined, { mirror: 'skipped' })).toEqual({
      issue: undefined,
      warnings: [],
    });
    expect(github.requests).toEqual([]);
  });
});

describe('two notifiers', () => {
  test('at once make one issue', async () => {
    const clock = new Clock();
    await using github = await startGitHub({ now: clock.now });
    github.fault({ on: /^POST .*\/issues$/, together: 2, times: 2 });
    const [one, other] = [
      startNotifier(github, clock),
      startNotifier(github, clock, { GITHUB_RUN_ID: '2000' }),
    ];
    const told = await Promise.all([one.tell(failing('integrity')), other.tell(failing('integrity'))]);
    expect(told).toEqual([
      { issue: 1, warnings: [] },
      { issue: 1, warnings: [] },
    ]);
    expect(openOnes(github)).toEqual([1]);
    expect(countOf(github, 1)).toBe(2);
    expect(github.issues[1]).toMatchObject({ state: 'closed', reason: 'duplicate' });
    expect(github.issues[1]?.comments.map(({ body }) => body)).toEqual(['Duplicate of #1']);
  });

  test('of which one did not see the other leave a duplicate that the next run closes', async () => {
    const clock = new Clock();
    await using github = await startGitHub({ now: clock.now });
    for (let i = 0; i < 2; i++) github.open({ author: BOT, labels: ['clamav-mirror'], body: bodyAs(clock) });
    await startNotifier(github, clock).tell(failing('integrity'));
    expect(openOnes(github)).toEqual([1]);
    expect(github.issues[1]?.reason).toBe('duplicate');
  });

  test('close what they both find', async () => {
    const clock = new Clock();
    await using github = await startGitHub({ now: clock.now });
    for (let i = 0; i < 2; i++) github.open({ author: BOT, labels: ['clamav-mirror'], body: bodyAs(clock) });
    await startNotifier(github, clock).tell(well('integrity'));
    expect(openOnes(github)).toEqual([]);
  });

  test('a duplicate is never reopened', async () => {
    const clock = new Clock();
    await using github = await startGitHub({ now: clock.now });
    const closed = { state: 'closed', closed: clock.now().toISOString(), reason: 'duplicate' } as const;
    github.open({ author: BOT, labels: ['clamav-mirror'], body: bodyAs(clock), ...closed });
    expect((await startNotifier(github, clock).tell(failing('integrity'))).issue).toBe(2);
  });

  test('an answer that was lost makes no second issue', async () => {
    await using github = await startGitHub();
    github.fault({ on: /^POST .*\/issues$/, status: 502, done: true, times: 1 });
    const told = await startNotifier(github, new Clock()).tell(failing('integrity'));
    expect(told).toEqual({ issue: 1, warnings: [] });
    expect(openOnes(github)).toEqual([1]);
    expect(countOf(github, 1)).toBe(1);
  });
});

describe('two mirrors in one repository', () => {
  const ONE = { CLAMAV_MIRROR_PUBLIC_URL: 'https://one.example/clamav' };
  const OTHER = { CLAMAV_MIRROR_PUBLIC_URL: 'https://other.example/clamav' };

  test('have issues of their own, which tell in their titles whose they are', async () => {
    await using github = await startGitHub();
    const [one, other] = [ONE, OTHER].map((mirror) => startNotifier(github, new Clock(), mirror));
    expect((await one?.tell(failing('integrity')))?.issue).toBe(1);
    expect((await other?.tell(failing('integrity')))?.issue).toBe(2);
    expect((await one?.tell(failing('integrity')))?.issue).toBe(1);
    expect(openOnes(github)).toEqual([1, 2]);
    expect(new Set(github.issues.map(({ title }) => title)).size).toBe(2);
    for (const [at, mirror] of [ONE, OTHER].entries())
      expect(github.issues[at]?.title).toContain(mirrorId(mirror));
  });

  test('close only their own', async () => {
    await using github = await startGitHub();
    await startNotifier(github, new Clock(), OTHER).tell(failing('integrity', 'stale'));
    const before = structuredClone(github.issues);
    await startNotifier(github, new Clock(), ONE).tell(well(...FAILURE_CLASSES));
    expect(github.issues).toEqual(before);
    await startNotifier(github, new Clock(), OTHER).tell(well('integrity'));
    expect(openOnes(github)).toEqual([2]);
  });

  test('reopen only their own', async () => {
    await using github = await startGitHub();
    const other = startNotifier(github, new Clock(), OTHER);
    await other.tell(failing('integrity'));
    await other.tell(well('integrity'));
    expect((await startNotifier(github, new Clock(), ONE).tell(failing('integrity'))).issue).toBe(2);
    expect(openOnes(github)).toEqual([2]);
  });

  test('that fail at once take neither for a duplicate of the other', async () => {
    await using github = await startGitHub();
    github.fault({ on: /^POST .*\/issues$/, together: 2, times: 2 });
    await Promise.all(
      [ONE, OTHER].map((mirror) => startNotifier(github, new Clock(), mirror).tell(failing('integrity'))),
    );
    expect(openOnes(github)).toEqual([1, 2]);
  });
});

describe('an issue of the version before, which does not say whose it is', () => {
  const earlier = (clock: Clock) => {
    const { mirror: _, ...state } = firstState('integrity', MIRROR, RUN, clock.now());
    return { author: BOT, labels: ['clamav-mirror'], title: 'as it was', body: marker(state) };
  };

  test('is that of the only mirror, and says so from then on', async () => {
    const clock = new Clock();
    await using github = await startGitHub({ now: clock.now });
    github.open(earlier(clock));
    expect((await startNotifier(github, clock).tell(failing('integrity'))).issue).toBe(1);
    expect(parseMarker(github.issues[0]?.body ?? '')?.mirror).toBe(MIRROR);
    expect(github.issues[0]?.title).toContain(MIRROR);
  });

  test('is closed by the only mirror', async () => {
    const clock = new Clock();
    await using github = await startGitHub({ now: clock.now });
    github.open(earlier(clock));
    await startNotifier(github, clock).tell(well('integrity'));
    expect(openOnes(github)).toEqual([]);
  });

  test('is left alone once there is another mirror', async () => {
    const clock = new Clock();
    await using github = await startGitHub({ now: clock.now });
    const other = startNotifier(github, clock, { CLAMAV_MIRROR_PUBLIC_URL: 'https://other.example' });
    await other.tell(failing('proof'));
    github.open(earlier(clock));
    expect((await startNotifier(github, clock).tell(failing('integrity'))).issue).toBe(3);
    expect(openOnes(github)).toEqual([1, 2, 3]);
  });
});

describe('the name of a mirror', () => {
  test.each<[what: string, one: Record<string, string>, other: Record<string, string>]>([
    ['a final slash', { PUBLIC_URL: 'https://a.example/x/' }, { PUBLIC_URL: 'https://a.example/x' }],
    ['large letters', { PUBLIC_URL: 'https://A.example' }, { PUBLIC_URL: 'https://a.example' }],
    ['a password', { URL: 'https://user:secret@a.example' }, { URL: 'https://a.example' }],
    ['who looks', { URL: 'https://a.example' }, { PUBLIC_URL: 'https://a.example', STORE: 's3://b' }],
    ['a word', {}, { STORE: './mirror' }],
  ])('is the same with and without %s', (_, one, other) => {
    expect(mirrorId(variables(one))).toBe(mirrorId(variables(other)));
  });

  test('differs by address, bucket and endpoint', () => {
    const mirrors = [
      { PUBLIC_URL: 'https://a.example' },
      { PUBLIC_URL: 'https://a.example/b' },
      { STORE: 's3://a' },
      { STORE: 's3://a/b' },
      { STORE: 's3://a', S3_ENDPOINT: 'https://s3.example' },
      {},
    ];
    expect(new Set(mirrors.map((one) => mirrorId(variables(one)))).size).toBe(mirrors.length);
  });

  const variables = (given: Readonly<Record<string, string | undefined>>) =>
    Object.fromEntries(Object.entries(given).map(([name, value]) => [`CLAMAV_MIRROR_${name}`, value]));
});

describe('issues of others', () => {
  test('are never touched, whatever they look like', async () => {
    const clock = new Clock();
    await using github = await startGitHub({ now: clock.now });
    const labels = ['clamav-mirror', 'clamav-mirror: integrity'];
    github.open({ author: 'mallory', labels, body: bodyAs(clock) });
    github.open({ author: 'operator', labels, title: 'What does this mean?' });
    github.open({ author: BOT, labels, body: 'Of another workflow' });
    github.open({ author: BOT, labels, body: `It said:\n${bodyAs(clock)}` });
    github.open({ author: BOT, labels, body: bodyAs(clock), isPull: true });
    const before = structuredClone(github.issues);
    const notifier = startNotifier(github, clock);
    expect((await notifier.tell(failing('integrity'))).issue).toBe(6);
    await notifier.tell(failing('integrity'));
    await notifier.tell(well('integrity'));
    expect(openOnes(github)).toEqual([1, 2, 3, 4, 5]);
    expect(github.issues.slice(0, 5)).toEqual(before);
  });

  test('do not hide ours, however many there are', async () => {
    const clock = new Clock();
    await using github = await startGitHub({ now: clock.now });
    const notifier = startNotifier(github, clock);
    await notifier.tell(failing('integrity'));
    for (let i = 0; i < 250; i++) github.open({ author: 'operator', labels: ['clamav-mirror'] });
    expect((await notifier.tell(failing('integrity'))).issue).toBe(1);
  });
});

describe('our issues', () => {
  test('are found without labels, which GitHub drops for those who may not push', async () => {
    await using github = await startGitHub({ canPush: false });
    const notifier = startNotifier(github, new Clock());
    await notifier.tell(failing('integrity'));
    expect(github.issues[0]?.labels).toEqual([]);
    expect(notifier.lines.join()).toContain('dropped the labels');
    expect((await notifier.tell(failing('integrity'))).issue).toBe(1);
  });

  test('are found by the name of a person whose token it is', async () => {
    await using github = await startGitHub({ login: 'operator', canPush: false });
    const notifier = startNotifier(github, new Clock());
    await notifier.tell(failing('integrity'));
    expect((await notifier.tell(failing('integrity'))).issue).toBe(1);
  });

  test("are one with another App's token, at once if its name is set", async () => {
    await using github = await startGitHub({ login: 'our-app[bot]' });
    const notifier = startNotifier(github, new Clock());
    await notifier.tell(failing('integrity'));
    await notifier.tell(failing('integrity'));
    expect(notifier.lines.join()).toContain('CLAMAV_MIRROR_GITHUB_LOGIN');
    expect(openOnes(github)).toEqual([1]);
    const named = startNotifier(github, new Clock(), { CLAMAV_MIRROR_GITHUB_LOGIN: 'our-app[bot]' });
    await named.tell(failing('integrity'));
    expect(github.issues).toHaveLength(2);
    expect(named.lines).toEqual([]);
  });
});
