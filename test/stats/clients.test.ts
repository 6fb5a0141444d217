import { describe, expect, test } from 'vitest';
import type { StatsReport } from '../../scripts/stats/report/report.ts';
import { type Asked, agentOf, line, readLines } from './support.ts';

/** A time in November 2026, as nginx writes it. */
const on = (day: number, time = '10:00:00') => `${String(day).padStart(2, '0')}/Nov/2026:${time} +0000`;
const cdiff = (version: number, rest: Asked = {}): Asked => ({
  ...{ target: `/daily-${version}.cdiff`, status: 200, bytes: 9000 },
  ...rest,
});
const whole = (rest: Asked = {}): Asked => ({
  target: '/daily.cvd',
  status: 200,
  bytes: 22_000_000,
  ...rest,
});
/** Somebody who is always up to date, by whom it is known when each version was there. */
const follower: Asked[] = [
  cdiff(100, { at: on(20), agent: agentOf(1) }),
  cdiff(101, { at: on(21), agent: agentOf(1) }),
  cdiff(102, { at: on(22), agent: agentOf(1) }),
  { at: on(24), agent: agentOf(1), status: 304, bytes: 0 },
];

describe('the version of a client', () => {
  const me = agentOf(2);
  const states = ({ databases }: StatsReport) => databases.daily?.clients;
  const among = async (asked: readonly Asked[], change = {}) => {
    const lines = [...follower, ...asked.map((one) => ({ agent: me, ...one }))];
    return await readLines(
      lines.map((one) => line(one)),
      change,
    );
  };

  test.each<[string, readonly Asked[], 'current' | 'behind' | 'silent' | 'unknown', number?]>([
    ['is that of its last CDIFF', [cdiff(102, { at: on(23) })], 'current'],
    [
      'is an old one if it takes an old CDIFF and comes again',
      [cdiff(101, { at: on(21) }), { at: on(23), target: '/main.cvd' }],
      'behind',
      101,
    ],
    ['is unheard of since, if it asks DNS', [cdiff(101, { at: on(21, '11:00:00') })], 'silent', 101],
    ['is the newest at the time of a whole download', [whole({ at: on(23) })], 'current'],
    [
      'is not that of a download that broke off',
      [whole({ at: on(21) }), whole({ at: on(23), bytes: 1000 })],
      'behind',
      101,
    ],
    ['is the newest if its check is answered by 304', [{ at: on(23), status: 304, bytes: 0 }], 'current'],
    ['is the newest if it checks and takes nothing', [{ at: on(23) }, { at: on(23, '12:00:00') }], 'current'],
    [
      'is an old one if what it asks for after a check is not there',
      [cdiff(100, { at: on(20) }), { at: on(23) }, cdiff(102, { at: on(23), status: 404, bytes: 9 })],
      'behind',
      100,
    ],
    [
      'is not known of one that only gets errors',
      [{ at: on(23) }, whole({ at: on(23), status: 503, bytes: 9 })],
      'unknown',
    ],
    [
      'is not told by a check just before the end',
      [cdiff(100, { at: on(20) }), { at: on(24, '09:59:50') }],
      'unknown',
    ],
  ])('%s', async (_, asked, state, version) => {
    const report = await among(asked);
    const expected = { current: 1, behind: 0, silent: 0, unknown: 0 };
    expected[state] += 1;
    expect(states(report)).toEqual(expected);
    expect(report.databases.daily).toMatchObject({ newest: 102, expected: 102 });
    expect(report.behind).toMatchObject({
      count: state === 'behind' ? 1 : 0,
      listed: state === 'behind' ? [{ database: 'daily', version, program: 'ClamAV 1.4.6' }] : [],
    });
  });

  test('is judged by the version that is a day old, not by one that came an hour ago', async () => {
    const report = await among([
      cdiff(103, { at: on(24, '09:00:00'), agent: agentOf(3) }),
      { at: on(24, '09:30:00'), status: 206 },
    ]);
    expect(report.databases.daily).toMatchObject({ newest: 103, expected: 102 });
  });

  test('is held beside what the store published, if that is given', async () => {
    const seconds = Date.UTC(2026, 10, 22, 12) / 1000;
    const published = new Map([
      [
        'daily',
        [
          { version: 102, seconds },
          { version: 104, seconds: seconds + 3600 },
        ],
      ],
    ]);
    const report = await among([cdiff(103, { at: on(23) })], { published });
    expect(report.databases.daily).toMatchObject({ newest: 104, expected: 104, clients: { behind: 1 } });
  });

  test('is current too if it takes what a rollback of this day published', async () => {
    const at = (day: number, hour = 0) => Date.UTC(2026, 10, day, hour) / 1000;
    const before = { version: 102, seconds: at(22) };
    const published = new Map([['daily', [before, { version: 101, seconds: at(24, 9) }]]]);
    const report = await among([whole({ at: on(24, '09:30:00') })], { published });
    expect(report.databases.daily).toMatchObject({ newest: 101, expected: 102, clients: { current: 2 } });
  });

  test('may be earlier after a rollback, and is current then', async () => {
    const at = (day: number) => Date.UTC(2026, 10, day) / 1000;
    const published = new Map([
      [
        'daily',
        [
          { version: 102, seconds: at(22) },
          { version: 101, seconds: at(23) },
        ],
      ],
    ]);
    const report = await among([whole({ at: on(23, '11:00:00') })], { published });
    expect(report.databases.daily).toMatchObject({
      newest: 101,
      expected: 101,
      clients: { current: 2, behind: 0 },
    });
  });
});

describe('clients', () => {
  test('are told apart by address and User-Agent, however their addresses are shown', async () => {
    const asked = [
      line({ agent: agentOf(1), address: '192.0.2.1' }),
      line({ agent: agentOf(2), address: '192.0.2.1' }),
      line({ agent: agentOf(1), address: '192.0.2.9' }),
      line({ agent: agentOf(1), address: '192.0.2.1' }),
      line({ agent: 'curl/8.5.0', address: '2001:db8::1' }),
    ];
    for (const addresses of ['cut', 'hash', 'full'] as const) {
      const report = await readLines(asked, { addresses });
      expect(report.clients).toBe(4);
      expect(report.days).toMatchObject([{ clients: 4, requests: 5 }]);
      expect(report.programs.listed).toMatchObject([
        { name: 'ClamAV 1.4.6', clients: 3, requests: 4 },
        { name: 'curl 8.5.0', clients: 1, requests: 1 },
      ]);
    }
  });

  const takers = [20, 21, 22].flatMap((day) =>
    ['192.0.2.7', '2001:db8:77::7', 'client.example'].map((address, at) =>
      line(whole({ at: on(day), address, agent: agentOf(at) })),
    ),
  );

  test.each([
    ['cut', [/^192\.0\.2\.0\/24$/, /^2001:db8:77::\/48$/, /^#[0-9a-f]{10}$/]],
    ['hash', [/^#[0-9a-f]{10}$/, /^#[0-9a-f]{10}$/, /^#[0-9a-f]{10}$/]],
    ['full', [/^192\.0\.2\.7$/, /^2001:db8:77::7$/, /^client\.example$/]],
  ] as const)(
    'who take whole CVDs day by day are listed, their addresses in the form %s',
    async (addresses, forms) => {
      const report = await readLines([...takers, line(whole({ at: on(22), agent: agentOf(9) }))], {
        addresses,
      });
      expect(report.takers).toMatchObject({ count: 3 });
      const shown = report.takers.listed;
      expect(shown).toHaveLength(3);
      for (const form of forms)
        expect(shown.filter(({ address }) => form.test(address)).length).toBeGreaterThan(0);
      for (const one of shown)
        expect(one).toMatchObject({ takingDays: 3, days: 3, downloads: 3, bytes: 66_000_000 });
      const text = JSON.stringify(report);
      if (addresses !== 'full')
        expect(text).not.toMatch(/192\.0\.2\.7|2001:db8:77::7|client\.example|0000-4000-9000/);
      else
        expect(new Set(shown.map(({ client }) => client))).toContain('00000000-0000-4000-9000-000000000001');
    },
  );

  test('keep their name within a report, and have another one in the next', async () => {
    const nameIn = async () => (await readLines(takers)).takers.listed.map(({ client }) => client);
    const [first, second] = [await nameIn(), await nameIn()];
    expect(new Set([...first, ...second]).size).toBe(6);
  });

  test('who took whole CVDs now and then are not listed', async () => {
    const asked = [20, 21, 22, 23, 24, 25, 26].map((day) => line({ at: on(day), status: 304, bytes: 0 }));
    const report = await readLines([...asked, line(whole({ at: on(20) })), line(whole({ at: on(26) }))]);
    expect(report.takers.count).toBe(0);
    expect(report.kinds.whole.requests).toBe(2);
  });
});

describe('monitors', () => {
  test('are left out and counted', async () => {
    const report = await readLines(
      [
        line(),
        line({ agent: 'CVDUPDATE/1.2.0 (00000000-0000-4000-8000-000000000001) clamav-mirror/0.1.0' }),
        line({ agent: 'ClamAV-MirrorCheck/1.0' }),
        line({ address: '198.51.100.20' }),
        line({ address: '2001:db8:5::1' }),
      ],
      { monitors: ['198.51.100.0/24', '2001:db8:5::1'] },
    );
    expect(report).toMatchObject({ clients: 1, requests: 1, bytes: 512, monitors: { requests: 4 } });
    expect(report.monitors.listed).toHaveLength(3);
    expect(report.days).toMatchObject([{ clients: 1, requests: 1 }]);
  });

  test('do not take cvdupdate along', async () => {
    const report = await readLines([
      line({ agent: 'CVDUPDATE/1.1.3 (00000000-0000-4000-8000-000000000001)' }),
    ]);
    expect(report).toMatchObject({ clients: 1, programs: { listed: [{ name: 'CVDUPDATE 1.1.3' }] } });
  });
});

test('what was refused or not found is told by name, without its query', async () => {
  const missing = (target: string, status = 404) => line({ target, status, bytes: 9 });
  const report = await readLines([
    ...[missing('/clamav/daily-99.cdiff?x=1'), missing('/clamav/daily-99.cdiff'), missing('/wp-login.php')],
    ...[missing('/daily.cvd', 403), missing('/daily.cvd', 500)],
  ]);
  expect(report.notFound).toMatchObject({
    requests: 3,
    listed: [
      { name: '/clamav/daily-99.cdiff', requests: 2 },
      { name: '/wp-login.php', requests: 1 },
    ],
  });
  expect(report.forbidden.listed).toMatchObject([{ name: '/daily.cvd', requests: 1 }]);
  expect(report.kinds.failed.requests).toBe(5);
  expect(report.statuses.requests).toBe(5);
});

test('only requests since a time count, if one is given', async () => {
  const report = await readLines([line({ at: on(20) }), line({ at: on(21) }), line({ at: on(22) })], {
    since: Date.UTC(2026, 10, 21) / 1000,
  });
  expect(report).toMatchObject({ requests: 2, logs: [{ before: 1, requests: 2 }] });
});
