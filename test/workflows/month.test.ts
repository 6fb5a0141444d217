import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { monthOfMirror, monthOfWatchdog, type Plan, workflowOf } from './month.ts';
import { type Outputs, playRun, type Result } from './played-run.ts';

const GB = 1_000_000_000;
const PAGES = '../../site/hosts/pages/mirror-pages.yml';
/** Schedules that save minutes. */
const OTHERS = [
  { mirror: '23 */2 * * *', watchdog: '47 */2 * * *' },
  { mirror: '23 */6 * * *', watchdog: '47 */6 * * *' },
] as const;

/** What a month costs by a plan. */
async function costsOf(plan: Plan) {
  const mirror = await monthOfMirror(plan);
  const watchdog = monthOfWatchdog(plan);
  return { mirror, watchdog, gigabytes: (mirror.bytes + watchdog.bytes) / GB };
}
type Costs = Awaited<ReturnType<typeof costsOf>>;

describe('a month of the workflows', () => {
  let months: { readonly quiet: Costs; readonly busy: Costs }[];
  let quiet: Costs;
  let busy: Costs;
  beforeAll(async () => {
    const both = async (plan: Omit<Plan, 'news'>) => ({
      quiet: await costsOf({ ...plan, news: false }),
      busy: await costsOf({ ...plan, news: true }),
    });
    const own = await both({});
    ({ quiet, busy } = own);
    months = [own];
    for (const plan of OTHERS) months.push(await both(plan));
  });

  test('costs few minutes without news', () => {
    expect(quiet.mirror.minutes).toBeLessThanOrEqual(1000);
    expect(quiet.watchdog.minutes).toBeLessThanOrEqual(800);
  });

  test('costs few bytes of the host, with news too', () => {
    expect(quiet.gigabytes).toBeLessThanOrEqual(5);
    expect(busy.gigabytes).toBeLessThanOrEqual(5);
  });

  test('starts no job that writes issues where there is nothing to tell', () => {
    for (const { mirror, watchdog } of [quiet, busy]) {
      expect(Object.keys(mirror.jobs)).toEqual(['check', 'mirror']);
      expect(Object.keys(watchdog.jobs)).toEqual(['watch']);
    }
  });

  test('moves the timestamp every three hours', () => {
    for (const { mirror } of [quiet, busy]) expect(mirror.longestHours).toBeLessThanOrEqual(3);
  });

  test('pulls each image once in a run', () => {
    const { workflow } = workflowOf('mirror.yml');
    const chosen = { 'newest-image': 'clamav:1.5@sha256:1', 'oldest-image': 'clamav:1.4@sha256:2' };
    const check = { check: { needed: 'true', proof: 'true', issue: 'false', ...chosen } };
    const jobs = jobsOf('mirror.yml', { check });
    const images = jobs.flatMap((job) => job.images);
    expect(jobs.flatMap((job) => job.engines)).toEqual([]);
    expect(images).toHaveLength(Object.keys(workflow.jobs.mirror?.services ?? {}).length);
    expect(new Set(images).size).toBe(images.length);
    const [watch] = jobsOf('watchdog.yml', {});
    expect(watch).toMatchObject({ images: [], engines: ['newest'] });
    const confirming = { check: { needed: 'true', proof: 'false', issue: 'false' } };
    expect(jobsOf('mirror.yml', { check: confirming }).flatMap((job) => job.images)).toEqual([]);
  });

  test('is told on the page on workflows, at each schedule', () => {
    const page = readFileSync(join(import.meta.dirname, '../../site/workflows.md'), 'utf8');
    const rows = [...page.matchAll(/^\| (`23 .*) \|$/gm)].map(([, row]) => row);
    const crons = [
      { mirror: workflowOf('mirror.yml').cron, watchdog: workflowOf('watchdog.yml').cron },
      ...OTHERS,
    ];
    const expected = months.map(({ quiet, busy }, at) => {
      const both = (of: (costs: Costs) => number | string) => `${of(quiet)} – ${of(busy)}`;
      return [
        `\`${crons[at]?.mirror}\``,
        `\`${crons[at]?.watchdog}\``,
        `${Math.round(quiet.mirror.longestHours)} hours`,
        both(({ mirror }) => mirror.minutes),
        both(({ watchdog }) => watchdog.minutes),
        both(({ mirror, watchdog }) => mirror.minutes + watchdog.minutes),
        both(({ gigabytes }) => gigabytes.toFixed(1)),
      ].join(' | ');
    });
    expect(rows).toEqual(expected);
    const readme = readFileSync(join(import.meta.dirname, '../../README.md'), 'utf8');
    const short = [...readme.matchAll(/^\| each .* \| (\d+ – \d+) \|$/gm)].map(([, minutes]) => minutes);
    expect(short).toEqual(expected.map((row) => row.split(' | ').at(-2)));
  });
});

const VARS = { CLAMAV_MIRROR_STORE: 's3://bucket', CLAMAV_MIRROR_PUBLIC_URL: 'https://clamav.example' };
const GOOD = '{"failures":[],"recovered":["proof"]}';
const BAD = '{"failures":[{"class":"proof","what":"it said \\"failures\\":[]"}],"recovered":[]}';

function jobsOf(
  name: string,
  outputs: Outputs,
  { results = {}, inputs = {}, vars = VARS as Readonly<Record<string, string>> } = {},
) {
  return playRun(workflowOf(name).workflow, { vars, inputs, results }, outputs);
}
const starts = (...parameters: Parameters<typeof jobsOf>) => jobsOf(...parameters).map(({ id }) => id);

describe('the job that writes issues, of mirror.yml', () => {
  const check = (issue: string, needed = 'true', report = GOOD) => ({
    check: { needed, proof: 'true', issue, report },
  });
  const mirror = (report: string) => ({ mirror: { report } });

  test.each<[what: string, outputs: Outputs, results: Record<string, Result>]>([
    ['the check failed', {}, { check: 'failure' }],
    ['the check was cancelled, or ran out of time', {}, { check: 'cancelled' }],
    ['the cycle failed', { check: check('false'), mirror: mirror(BAD) }, { mirror: 'failure' }],
    [
      'the cycle failed and reports no failure',
      { check: check('false'), mirror: mirror(GOOD) },
      { mirror: 'failure' },
    ],
    ['the cycle was cancelled, or ran out of time', { check: check('false') }, { mirror: 'cancelled' }],
    [
      'the cycle was cancelled after its report',
      { check: check('false'), mirror: mirror(GOOD) },
      { mirror: 'cancelled' },
    ],
    ['the cycle went well and reports a failure', { check: check('false'), mirror: mirror(BAD) }, {}],
    [
      'the cycle went well and the check reports that a pinned image is gone',
      { check: check('false', 'true', BAD), mirror: mirror(GOOD) },
      {},
    ],
    ['the report of the check is lost', { check: check('false', 'true', ''), mirror: mirror(GOOD) }, {}],
    ['the report of the cycle is lost', { check: check('false'), mirror: mirror('') }, {}],
    ['an issue is open that a good cycle closes', { check: check('true'), mirror: mirror(GOOD) }, {}],
    ['it is not known whether one is open', { check: check(''), mirror: mirror(GOOD) }, {}],
  ])('starts if %s', (_, outputs, results) => {
    expect(starts('mirror.yml', outputs, { results })).toContain('notify');
  });

  test('does not start where nobody would hear a thing', () => {
    expect(starts('mirror.yml', { check: check('false', 'false') })).toEqual(['check']);
    expect(starts('mirror.yml', { check: check('true', 'false') })).toEqual(['check']); // the watchdog's, perhaps
    expect(starts('mirror.yml', { check: check('false'), mirror: mirror(GOOD) })).toEqual([
      'check',
      'mirror',
    ]);
    expect(starts('mirror.yml', { check: check('true') }, { inputs: { command: 'doctor' } })).toEqual([
      'check',
      'mirror',
    ]);
  });

  test('starts in no fork without variables, and in a call by another repository', () => {
    expect(starts('mirror.yml', {}, { vars: {}, results: { check: 'failure' } })).toEqual([]);
    const inputs = { store: 's3://their-bucket' };
    expect(
      starts('mirror.yml', { check: check('true'), mirror: mirror(GOOD) }, { vars: {}, inputs }),
    ).toEqual(['check', 'mirror', 'notify']);
  });
});

describe("the job that writes issues, of the form for GitHub's Pages", () => {
  const outputs = {
    check: { check: { needed: 'true', proof: 'false', issue: 'false', report: GOOD } },
    mirror: { mirror: { report: GOOD }, pack: { manifest: 'abc' } },
  };

  test.each(['check', 'mirror', 'deploy'])('starts if %s failed, was cancelled, or ran out of time', (id) => {
    for (const result of ['failure', 'cancelled'] as const)
      expect(starts(PAGES, outputs, { results: { [id]: result } })).toContain('notify');
  });

  test('starts if nothing was deployed, and not where nobody would hear a thing', () => {
    expect(starts(PAGES, { ...outputs, mirror: { mirror: { report: GOOD } } })).toContain('notify');
    expect(starts(PAGES, outputs)).toEqual(['check', 'mirror', 'deploy']);
    const [, mirror] = jobsOf(PAGES, outputs);
    expect(mirror).toMatchObject({ images: [], engines: ['newest', 'oldest'] });
  });
});

describe('the job that writes issues, of watchdog.yml', () => {
  const watch = (notify: string) => ({ watch: { watch: { notify } } });

  test.each<[what: string, outputs: Outputs, results: Record<string, Result>]>([
    ['the watch failed', watch('true'), { watch: 'failure' }],
    ['the watch failed and says that there is nothing to tell', watch('false'), { watch: 'failure' }],
    ['the watch failed before it could say a thing', {}, { watch: 'failure' }],
    ['the watch was cancelled, or ran out of time', {}, { watch: 'cancelled' }],
    ['the watch was cancelled after its report', watch('false'), { watch: 'cancelled' }],
    ['the watch says that there is something', watch('true'), {}],
    ['the watch does not say', watch(''), {}],
  ])('starts if %s', (_, outputs, results) => {
    expect(starts('watchdog.yml', outputs, { results })).toContain('notify');
  });

  test('does not start where nobody would hear a thing', () => {
    expect(starts('watchdog.yml', watch('false'))).toEqual(['watch']);
    expect(starts('watchdog.yml', watch('true'), { vars: {} })).toEqual([]);
  });
});
