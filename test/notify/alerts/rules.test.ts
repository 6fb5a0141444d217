import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { contentsOf } from '../../../scripts/action/cache/contents.ts';
import {
  ALERTS_FILE,
  NOTHING_TOLD,
  parseMemory,
  readMemory,
  writeMemory,
} from '../../../scripts/notify/alerts/memory.ts';
import { type Receiver, startReceiver } from '../../support/alerts/receiver.ts';
import { temporaryFolder } from '../../upstream/support.ts';
import { Clock, failing, failure, reportOf, well } from '../support.ts';
import { Alerter } from './support.ts';

const HOOK = 'webhook';
const events = ({ taken }: Receiver) => taken.map(({ json }) => json.type.replace('mirror.', ''));
/** Answers 500 to everybody. */
const broken: Receiver['instead'] = (request, response) => {
  request.resume();
  response.writeHead(500).end();
};

/** What a receiver was told of a mirror whose hourly runs were like this. */
async function play(runs: readonly Parameters<Alerter['tell']>[0][], hours = 1) {
  await using receiver = await startReceiver();
  const clock = new Clock();
  const alerter = new Alerter(receiver.address(HOOK), clock);
  for (const run of runs) {
    await alerter.tell(run);
    clock.pass({ hours });
  }
  return { told: events(receiver), taken: [...receiver.taken], alerter };
}
const times = <T>(count: number, one: T): T[] => Array(count).fill(one);
const everything = [
  'configuration',
  'upstream',
  'integrity',
  'engine',
  'proof',
  'publication',
  'host',
] as const;
const good = well(...everything);

describe('a receiver is told', () => {
  test('nothing of a mirror that is well', async () => {
    expect((await play(times(48, good))).told).toEqual([]);
  });

  test('of a failure at once, of the same one once a day, and once when it is well again', async () => {
    const { told, taken } = await play([good, ...times(60, failing('integrity')), ...times(5, good)]);
    expect(told).toEqual(['failing', 'still-failing', 'still-failing', 'well']);
    expect(taken.map(({ json }) => json.data.failure.runs)).toEqual([1, 25, 49, 60]);
    expect(taken[3]?.json.data.text).toEqual([
      'It was failing for 2 days 12 hours, from 2026-03-01 11:00 UTC, in 60 runs.',
    ]);
  });

  test('of one that may pass by itself only after three runs in a row', async () => {
    const passing = failing('upstream');
    expect((await play([good, passing, passing, good, passing, passing, good])).told).toEqual([]);
    expect((await play([good, passing, passing, passing, good])).told).toEqual(['failing', 'well']);
  });

  test('of an extra as of anything else, but its runs are no failed ones of the databases', async () => {
    const [passing, extra] = [failing('upstream'), failing('extras')];
    expect((await play([good, extra, extra, extra, passing, well(...everything, 'extras')])).told).toEqual([
      'failing',
      'well',
    ]);
  });

  test('of runs that end without a report as issues are', async () => {
    await using receiver = await startReceiver();
    const alerter = new Alerter(receiver.address(HOOK), new Clock());
    await alerter.tell(good);
    for (let run = 0; run < 3; run++) await alerter.tell(undefined, { results: { mirror: 'cancelled' } });
    expect(receiver.taken.map(({ json }) => json.data.failure.code)).toEqual(['run/ended']);
  });

  test('of each class by itself', async () => {
    const { taken } = await play([good, failing('integrity', 'proof'), failing('proof'), good]);
    expect(taken.map(({ json }) => [json.type, json.data.failure.class])).toEqual([
      ['mirror.failing', 'integrity'],
      ['mirror.failing', 'proof'],
      ['mirror.well', 'integrity'],
      ['mirror.well', 'proof'],
    ]);
  });

  test('nothing of an end that nobody could decide on', async () => {
    const gone = reportOf([failure('configuration', { code: 'engine/pin-gone' })]);
    const { told } = await play([gone, { ...good, undecided: ['engine/pin-gone'] }]);
    expect(told).toEqual(['failing']);
    expect((await play([gone, good])).told).toEqual(['failing', 'well']);
  });

  test('once, if two jobs of one run tell the same', async () => {
    await using receiver = await startReceiver();
    const alerter = new Alerter(receiver.address(HOOK), new Clock());
    await alerter.tell(good);
    for (let run = 0; run < 2; run++) {
      await alerter.tell(failing('upstream'), { run: `${run}.1` });
      await alerter.tell(failing('upstream'), { run: `${run}.1` });
    }
    expect(events(receiver)).toEqual([]); // two runs, not four
    await alerter.tell(failing('upstream'), { run: '2.1' });
    await alerter.tell(failing('upstream'), { run: '2.1' });
    expect(events(receiver)).toEqual(['failing']);
  });

  test('when GitHub’s record says that runs failed before', async () => {
    await using receiver = await startReceiver();
    const alerter = new Alerter(receiver.address(HOOK), new Clock());
    await alerter.tell(good);
    await alerter.tell(failing('upstream'), { earlier: { failed: 2, lastGood: undefined } });
    expect(events(receiver)).toEqual(['failing']);
  });
});

describe('a receiver that does not answer', () => {
  test('is told by the next run: of a failure, a reminder, and the end', async () => {
    await using receiver = await startReceiver();
    const clock = new Clock();
    const alerter = new Alerter(receiver.address(HOOK), clock);
    const twice = async (report: Parameters<Alerter['tell']>[0]) => {
      receiver.instead = broken;
      expect((await alerter.tell(report)).warnings).toEqual([
        'alert 1 (webhook) was not told: it answers 500. The next run tries again',
      ]);
      receiver.instead = undefined;
      clock.pass({ hours: 1 });
      await alerter.tell(report);
    };
    await twice(failing('integrity'));
    expect(events(receiver)).toEqual(['failing']);
    clock.pass({ days: 1 });
    await twice(failing('integrity'));
    expect(events(receiver)).toEqual(['failing', 'still-failing']);
    await twice(good);
    expect(events(receiver)).toEqual(['failing', 'still-failing', 'well']);
  });

  test('costs the others nothing: each is told once', async () => {
    await using one = await startReceiver();
    await using other = await startReceiver();
    const alerter = new Alerter(`${one.address(HOOK)}\n${other.address('slack')}`, new Clock());
    one.instead = broken;
    await alerter.tell(failing('proof'));
    one.instead = undefined;
    await alerter.tell(failing('proof'));
    expect(one.taken).toHaveLength(1);
    expect(other.taken).toHaveLength(1);
  });
});

describe('a memory', () => {
  const told = async (change: (text: string) => string) => {
    await using receiver = await startReceiver();
    const clock = new Clock();
    const alerter = new Alerter(receiver.address(HOOK), clock);
    await alerter.tell(failing('integrity'));
    alerter.memory = parseMemory(change(JSON.stringify(alerter.memory)), clock.now());
    await alerter.tell(failing('integrity'));
    await alerter.tell(good);
    return events(receiver);
  };

  test('outlives a restart', async () => {
    expect(await told((text) => text)).toEqual(['failing', 'well']);
  });

  test.each<[string, (text: string) => string]>([
    ['is lost', () => ''],
    ['is half there', (text) => text.slice(0, text.length / 2)],
    ['is another program’s', () => '{"version":3}'],
    ['is no object', () => '[]'],
    ['has a class that there is not', (text) => text.replace('"integrity"', '"nonsense"')],
    ['has a time that is none', (text) => text.replace(/"commented":"[^"]*"/, '"commented":"now"')],
    ['says that the alert was in a year', (text) => text.replaceAll('"2026-', '"2027-')],
    ['has more than any has', (text) => text.replace('"told":[', `"told":[${'[],'.repeat(200_000)}`)],
  ])('that %s makes an alert too many, and never one too few', async (_, change) => {
    expect(await told(change)).toEqual(['failing', 'failing', 'well']);
  });

  test('that is lost makes nobody wait for runs in a row', async () => {
    await using receiver = await startReceiver();
    const alerter = new Alerter(receiver.address(HOOK), new Clock());
    await alerter.tell(good);
    await alerter.tell(failing('upstream'));
    alerter.memory = NOTHING_TOLD;
    await alerter.tell(failing('upstream'));
    expect(events(receiver)).toEqual(['failing']);
  });

  test('is a file for this user alone, which comes back as it was, also by way of GitHub’s cache', async () => {
    await using folder = await temporaryFolder();
    const { alerter } = await play([failing('integrity')]);
    await writeMemory(folder.path(ALERTS_FILE), alerter.memory);
    expect((await stat(folder.path(ALERTS_FILE))).mode & 0o777).toBe(0o600);
    expect(await readMemory(folder.path(ALERTS_FILE), new Clock().now())).toEqual(alerter.memory);
    expect((await contentsOf(dirname(folder.path(ALERTS_FILE)))).map(({ name }) => name)).toEqual([
      ALERTS_FILE,
    ]);
  });

  test('is kept before there is a work folder, which others can then not write to either', async () => {
    await using folder = await temporaryFolder();
    const before = process.umask(0);
    onTestFinished(() => void process.umask(before));
    await writeMemory(folder.path('srv/mirror.work/alerts.json'), NOTHING_TOLD);
    expect((await stat(folder.path('srv/mirror.work'))).mode & 0o777).toBe(0o700);
    expect((await stat(folder.path('srv'))).mode & 0o777).toBe(0o755);
  });

  test('is the same after each good run, so that it need not be saved', async () => {
    const { alerter } = await play([good]);
    const before = JSON.stringify(alerter.memory);
    await alerter.tell(good);
    expect(JSON.stringify(alerter.memory)).toBe(before);
  });
});

describe('a publication', () => {
  const serving = (daily: number) => {
    const report = reportOf([], [...everything]);
    return { ...report, serving: report.serving && { ...report.serving, versions: { main: 62, daily } } };
  };

  test('is told to those who ask for it, each version once, with what there was before', async () => {
    await using receiver = await startReceiver();
    const alerter = new Alerter(`${receiver.address(HOOK)}#events=publications`, new Clock());
    for (const daily of [28000, 28000, 28001, 28001]) await alerter.tell(serving(daily));
    await alerter.tell({ ...serving(28001), failures: [failure('proof')] });
    expect(receiver.taken.map(({ json }) => json.data.versions)).toEqual([
      {
        daily: { served: 28000, upstream: 28001, before: null },
        main: { served: 62, upstream: 62, before: null },
      },
      { daily: { served: 28001, upstream: 28001, before: 28000 } },
    ]);
    expect(receiver.taken[1]?.json.data.link).toBe('https://mirror.example/clamav/#changes');
  });

  test('says nothing of a database that is not mirrored any more', async () => {
    await using receiver = await startReceiver();
    const alerter = new Alerter(`${receiver.address(HOOK)}#events=publications`, new Clock());
    await alerter.tell(serving(28000));
    const { serving: now, ...report } = serving(28000);
    await alerter.tell({ ...report, serving: now && { ...now, versions: { main: 62 } } });
    expect(receiver.taken).toHaveLength(1);
  });

  test('that a receiver did not take is told by the next run', async () => {
    await using receiver = await startReceiver();
    const alerter = new Alerter(`${receiver.address(HOOK)}#events=publications`, new Clock());
    await alerter.tell(serving(28000));
    receiver.instead = broken;
    await alerter.tell(serving(28001));
    receiver.instead = undefined;
    await alerter.tell(serving(28001));
    expect(receiver.taken.map(({ json }) => json.data.versions.daily.served)).toEqual([28000, 28001]);
  });

  test('is told together with failures where both are asked for, and by nobody but a sync', async () => {
    await using receiver = await startReceiver();
    const address = `${receiver.address(HOOK)}#events=failures,publications`;
    const alerter = new Alerter(address, new Clock());
    await alerter.tell({ ...serving(28000), failures: [failure('proof')] });
    await alerter.tell(serving(28001), { tellsPublications: false });
    expect(events(receiver)).toEqual(['failing', 'published', 'well']);
  });
});
