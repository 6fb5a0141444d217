import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { emptyAccess } from '../../scripts/stats/logs/access.ts';
import { commonSeconds, parseCommon } from '../../scripts/stats/logs/formats/common.ts';
import { parseCaddy, parseServed } from '../../scripts/stats/logs/formats/json.ts';
import { caddyShortcut, servedShortcut } from '../../scripts/stats/logs/formats/shortcuts.ts';
import type { StatsReport } from '../../scripts/stats/report/report.ts';
import { temporaryFolder } from '../store/support.ts';
import { foundAs, makeLog, type Truth, WRITTEN } from '../support/stats/generator.ts';
import { CLAMAV, line, read, readLines } from './support.ts';

const SMALL = { lines: 20_000, clients: 500, days: 30 };

/** A report in the words of the generator. */
function found(report: StatsReport): Omit<Truth, 'days'> & { days: unknown } {
  const counts = (all: readonly { name: string; requests: number }[]) =>
    Object.fromEntries(all.map(({ name, requests }) => [name.replace('/clamav/', '/'), requests]));
  return {
    requests: report.requests,
    bytes: report.bytes,
    monitors: report.monitors.requests,
    broken: report.broken.lines,
    kinds: Object.fromEntries(Object.entries(report.kinds).filter(([, { requests }]) => requests > 0)),
    programs: Object.fromEntries(
      report.programs.listed.map(({ name, requests, bytes }) => [name, { requests, bytes }]),
    ),
    days: report.days.map(({ day, requests, bytes, clients, takers }) => ({
      day,
      requests,
      bytes,
      clients,
      takers,
    })),
    notFound: counts(report.notFound.listed),
    forbidden: counts(report.forbidden.listed),
  };
}

function expected({ days, ...truth }: Truth) {
  return {
    ...truth,
    days: [...days].map(([day, { requests, bytes, clients, takers }]) => ({
      ...{ day, requests, bytes, clients: clients.size, takers: takers.size },
    })),
  };
}

describe('of a log with known counts', () => {
  test.each(WRITTEN)('in the format %s every count is right, packed or not', async (format) => {
    const { truth, pieces } = makeLog({ format, ...SMALL });
    const text = [...pieces].join('');
    const folder = temporaryFolder();
    const [plain, packed] = [join(folder, 'access.log'), join(folder, 'access.log.1')];
    await writeFile(plain, text);
    await writeFile(packed, gzipSync(text));
    const report = await read([plain]);
    expect(report.logs).toMatchObject([{ format: foundAs(format), lines: text.trim().split('\n').length }]);
    expect(found(report)).toEqual(expected(truth));
    const { written: _, logs, broken, ...again } = await read([packed]);
    expect({ ...again, broken: broken.lines }).toMatchObject({
      requests: truth.requests,
      bytes: truth.bytes,
      broken: truth.broken,
    });
    expect(again.days).toEqual(report.days);
    expect(logs).toMatchObject([{ format: foundAs(format) }]);
  });

  test('several files count as one, in whatever order they are named', async () => {
    const { truth, pieces } = makeLog({ format: 'combined', ...SMALL });
    const lines = [...pieces].join('').trimEnd().split('\n');
    const folder = temporaryFolder();
    const paths = await Promise.all(
      [0, 1, 2].map(async (at) => {
        const path = join(folder, `access.log.${2 - at}`);
        const part = `${lines.slice(at * 7000, (at + 1) * 7000).join('\n')}\n`;
        await writeFile(path, at === 1 ? gzipSync(part) : part);
        return path;
      }),
    );
    const [first, second] = [await read(paths), await read(paths.toReversed())];
    expect(found(first)).toEqual(expected(truth));
    expect(found(second)).toEqual(expected(truth));
    expect(first.logs.map(({ log }) => log)).toEqual(paths);
    expect(second.logs.map(({ log }) => log)).toEqual(paths);
    expect(second.databases).toEqual(first.databases);
  });
});

describe('a line', () => {
  const parsed = (text: string, parse = parseCommon) => {
    const into = emptyAccess();
    return parse(text, into) === 'request' ? into : parse(text, into);
  };

  test.each([
    ['of nginx', line(), {}],
    ['of Apache with a user that has a bracket', line().replace(' - - [', ' - a [b] c [')],
    ['of lighttpd, which names the host', line().replace(' - - ', ' mirror.example - ')],
    ["of Apache's vhost_combined", `mirror.example:80 ${line()}`],
    ['without a User-Agent', line().replace(/ "-" "ClamAV.*/, ''), { agent: '' }],
    ['with an escaped quote', line({ agent: 'x\\"y' }), { agent: 'x\\"y' }],
    ['with a field behind', `${line()} "-" 0.3`],
    ['of IPv6', line({ address: '2001:db8::7' }), { address: '2001:db8::7' }],
    [
      'of TLS to a plain port',
      line().replace('GET /daily.cvd HTTP/1.1', '\\x16\\x03'),
      { method: '', target: '' },
    ],
    ['in another zone', line({ at: '28/Nov/2026:12:30:00 +0230' })],
  ])('%s is read', (_, text, change = {}) => {
    expect(parsed(text)).toMatchObject({
      ...{
        seconds: Date.UTC(2026, 10, 28, 10) / 1000,
        address: '192.0.2.7',
        method: 'GET',
        target: '/daily.cvd',
      },
      ...{ agent: CLAMAV, ...change },
    });
  });

  test.each([
    ['', 'form'],
    [line({ at: '31/Foo/2026:10:00:00 +0000' }), 'time'],
    [line({ at: '28/Nov/2026:24:00:00 +0000' }), 'time'],
    [line({ at: '28/Nov/1999:10:00:00 +0000' }), 'time'],
    [line({ at: '28/Nov/2199:10:00:00 +0000' }), 'time'],
    [line({ status: 99 }), 'status'],
    [line().replace(' 206 512 ', ' 206 -5 '), 'bytes'],
    [line({ bytes: 2 ** 50 }), 'bytes'],
    [line({ address: '<script>' }), 'address'],
    [line().slice(0, 40), 'form'],
  ])('%j is broken: %s', (text, fault) => {
    expect(parsed(text)).toBe(fault);
  });

  test('of a time is what Date makes of it', () => {
    fc.assert(
      fc.property(
        fc.date({ min: new Date('2001-01-02'), max: new Date('2099-01-01'), noInvalidDate: true }),
        (date) => {
          const [, day, month, year, time] = /, (\d\d) (\w+) (\d+) (\S+)/.exec(date.toUTCString()) ?? [];
          expect(commonSeconds(`${day}/${month}/${year}:${time} +0000`)).toBe(
            Math.floor(date.getTime() / 1000),
          );
        },
      ),
    );
  });
});

describe('a shortcut', () => {
  const served = (request: object) =>
    JSON.stringify({ at: '2026-11-28T10:00:00.000Z', client: '192.0.2.7', ...request });
  const caddy = ({ uri, agent, more = {} }: { uri: string; agent: string; more?: object }) =>
    JSON.stringify({
      ...{ level: 'info', ts: 1_796_000_000.25, logger: 'http.log.access', msg: 'handled request' },
      request: {
        ...{ remote_ip: '192.0.2.7', remote_port: '4', proto: 'HTTP/1.1', method: 'GET', host: 'm', uri },
        headers: { ...more, 'User-Agent': [agent] },
      },
      ...{ user_id: '', duration: 0.1, size: 512, status: 206, resp_headers: { Server: ['Caddy'] } },
    });
  const words = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom(
      '","status":200,"bytes":9',
      '"User-Agent":["x"]',
      ',"size":1,"status":200,"resp_headers":{}}',
      '\\',
    ),
  );
  /** The same line in a form that no shortcut knows. */
  const longWay = (text: string) => ` ${text}`.replace(' {', '{ ');
  const agree = (parse: typeof parseCaddy, text: string) => {
    const [short, long] = [emptyAccess(), emptyAccess()];
    expect([parse(text, short), short]).toEqual([parse(longWay(text), long), long]);
  };

  test('of serve says what JSON and the schema say, whatever a client sends', () => {
    const usual = served({
      method: 'GET',
      path: '/daily.cvd',
      status: 206,
      bytes: 512,
      userAgent: CLAMAV,
      duration: 0.1,
    });
    expect(servedShortcut(usual)).toMatchObject({ target: '/daily.cvd', agent: CLAMAV });
    expect(servedShortcut(longWay(usual))).toBeUndefined();
    fc.assert(
      fc.property(words, words, fc.option(words, { nil: undefined }), (path, userAgent, range) => {
        agree(
          parseServed,
          served({ method: 'GET', path, status: 206, bytes: 5, range, userAgent, duration: 1.5 }),
        );
      }),
    );
  });

  test('of Caddy says what JSON and the schema say, whatever a client sends', () => {
    expect(caddyShortcut(caddy({ uri: '/daily.cvd', agent: CLAMAV }))).toMatchObject({
      bytes: '512',
      agent: CLAMAV,
    });
    fc.assert(
      fc.property(words, words, words, (uri, agent, other) => {
        agree(parseCaddy, caddy({ uri, agent, more: { Accept: [other], Referer: [other] } }));
      }),
    );
  });
});

describe('what is no request of a client', () => {
  test('of run --json is not broken, and what was never logged is told', async () => {
    const report = await readLines([
      '{"at":"2026-11-28T10:00:00.000Z","event":"start","store":"/srv/clamav","url":"http://127.0.0.1:8080","admin":null,"socket":null}',
      `{"at":"2026-11-28T10:00:01.000Z","event":"request","client":"192.0.2.7","method":"GET","path":"/daily.cvd","status":206,"bytes":512,"range":"bytes=0-511","userAgent":"${CLAMAV}","duration":1}`,
      '{"event":"request","notLogged":12}',
      '{"at":"2026-11-28T10:00:02.000Z","event":"cycle-start","cycle":1}',
    ]);
    expect(report.logs).toMatchObject([{ format: 'serve', requests: 1, other: 2, notLogged: 12, broken: 0 }]);
  });

  test("of S3 are the publisher's own requests, and those that read no object", async () => {
    const s3 = (requester: string, operation: string) =>
      `79a5 bucket [28/Nov/2026:10:00:00 +0000] 192.0.2.7 ${requester} 3E57 ${operation} clamav/daily.cvd "GET /clamav/daily.cvd HTTP/1.1" 200 - 22000000 22000000 9 9 "-" "${CLAMAV}" -`;
    const report = await readLines([
      s3('-', 'REST.GET.OBJECT'),
      s3('arn:aws:iam::123456789012:user/mirror', 'REST.GET.OBJECT'),
      s3('-', 'REST.GET.BUCKET'),
      '79a5 bucket [28/Nov/2026:10:00:00 +0000] 192.0.2.7 - 3E57 S3.EXPIRE.OBJECT x "-" - - - - - - "-" "-" -',
    ]);
    expect(report.logs).toMatchObject([{ format: 's3', requests: 1, other: 3, broken: 0 }]);
    expect(report.kinds.whole).toEqual({ requests: 1, bytes: 22_000_000 });
  });

  test('of Caddy are its other messages', async () => {
    const report = await readLines([
      '{"level":"warn","ts":1796000000.1,"logger":"tls","msg":"HTTP/2 skipped"}',
    ]);
    expect(report.logs).toMatchObject([{ format: 'caddy', requests: 0, other: 1, broken: 0 }]);
  });
});

test('a log of no known format is not guessed at', async () => {
  await expect(readLines(['some', 'other log'])).rejects.toMatchObject({ code: 'stats/format' });
  expect((await readLines(['some', 'other log'], { format: 'nginx' })).broken.lines).toBe(2);
});

test('an empty log is read', async () => {
  expect(await readLines([])).toMatchObject({ requests: 0, from: null, logs: [{ format: null, lines: 0 }] });
});
