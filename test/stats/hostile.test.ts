import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { HtmlValidate } from 'html-validate';
import { describe, expect, test } from 'vitest';
import { LOG_LINE_CHARACTERS, STATS_QUOTED } from '../../scripts/base/limits/requests.ts';
import { print } from '../../scripts/base/log.ts';
import { stats } from '../../scripts/cli/stats.ts';
import { statsPage } from '../../scripts/stats/report/page.ts';
import { statsText } from '../../scripts/stats/report/text.ts';
import { temporaryFolder } from '../store/support.ts';
import { expectHarmless, HOSTILE, hostileVariants } from '../support/hostile-words.ts';
import { keepWritten } from '../support/written.ts';
import { agentOf, line, read, readLines } from './support.ts';

/** A report with something in every part of it. */
async function fullReport() {
  const day = (date: number, rest = {}) => ({ at: `${date}/Nov/2026:10:00:00 +0000`, ...rest });
  return await readLines([
    ...[20, 21, 22, 23].map((date) =>
      line(day(date, { target: `/daily-${date}.cdiff`, status: 200, bytes: 9, agent: agentOf(1) })),
    ),
    line(day(20, { target: '/daily-20.cdiff', status: 200, bytes: 9, agent: agentOf(2) })),
    line(day(23, { target: '/main.cvd', agent: agentOf(2) })),
    ...[20, 21].map((date) => line(day(date, { status: 200, bytes: 5_000_000, agent: agentOf(3) }))),
    line(day(20, { target: '/no-such-file', status: 404 })),
    line(day(20, { target: '/forbidden', status: 403 })),
    line(day(20, { agent: 'ClamAV-MirrorCheck/1.0' })),
    'a broken line',
  ]);
}

describe('a broken line', () => {
  test('is counted by its fault, and the first ones are quoted', async () => {
    const report = await readLines([
      line(),
      ...Array.from({ length: 20 }, (_, at) => `no line ${at} of any format`),
      line({ status: 99 }),
      `${'x'.repeat(LOG_LINE_CHARACTERS + 1)}`,
      line(),
    ]);
    expect(report.requests).toBe(2);
    expect(report.broken.faults).toEqual({ form: 20, status: 1, line: 1 });
    expect(report.broken.listed).toHaveLength(STATS_QUOTED.lines);
    expect(report.broken.listed[0]).toMatchObject({
      line: 2,
      fault: 'form',
      text: 'no line 0 of any format',
    });
  });

  test('is quoted without addresses, unless they are wanted whole', async () => {
    const broken = [line({ status: 99 }), line({ status: 99, address: '2001:db8:1::7' }), 'x'];
    const text = async (addresses: 'cut' | 'full') =>
      JSON.stringify(
        (await readLines([line({ address: '198.51.100.1' }), ...broken], { addresses })).broken.listed,
      );
    expect(await text('cut')).not.toMatch(/192\.0\.2\.7|2001:db8/);
    expect(await text('full')).toMatch(/192\.0\.2\.7.*2001:db8:1::7/);
  });

  test('in each format hides none beside it', async () => {
    const lines = [
      '{"at":"2026-11-28T10:00:00Z"',
      '{}',
      '[]',
      'null',
      '{"at":5}',
      '\0\0\0',
      `{"a":${'['.repeat(5000)}`,
    ];
    for (const format of ['nginx', 'caddy', 'cloudfront', 's3', 'r2', 'serve'] as const) {
      const report = await readLines(lines, { format });
      expect(report.logs).toMatchObject([{ lines: lines.length, requests: 0, broken: lines.length }]);
    }
  });
});

describe('words of clients', () => {
  const written = keepWritten();

  test('command neither a terminal nor a runner, and cannot break out of the page', async () => {
    const report = await fullReport();
    const validator = new HtmlValidate({
      extends: ['html-validate:recommended'],
      rules: { 'doctype-style': 'off', 'no-trailing-whitespace': 'off' },
    });
    expect(
      (await validator.validateString(statsPage(report))).results.flatMap(({ messages }) => messages),
    ).toEqual([]);
    for (const [where, variant] of hostileVariants(report)) {
      print(process.stdout, statsText(variant));
      expectHarmless(written());
      const page = statsPage(variant);
      expect(page, where).not.toMatch(/<img|<script|javascript:/i);
      expect(page.match(/<(h1|main|footer)>/g), where).toEqual(['<main>', '<h1>', '<footer>']);
    }
  });

  test('stay words in every form, whatever is in a log', async () => {
    const evil = '"><script>alert(1)</script>\\x1b[2J::error::forged';
    const folder = temporaryFolder();
    const path = join(folder, 'access.log');
    const words = [evil, HOSTILE.replaceAll(/[\n"]/g, '')];
    await writeFile(
      path,
      words
        .flatMap((word) => [
          line({
            target: `/${word.replaceAll('"', '\\"')}`,
            status: 404,
            agent: word.replaceAll('"', '\\"'),
          }),
          word,
        ])
        .join('\n'),
    );
    for (const json of [true, false]) {
      const flags = { format: 'nginx', page: join(folder, 'local_stats') };
      expect(await stats([path], { flags, environment: {} }, json)).toBe('good');
      expectHarmless(written());
    }
    const report = await read([path], { format: 'nginx' });
    expect(report.notFound.requests + report.broken.lines).toBe(4);
    expect(statsPage(report)).not.toMatch(/<script/);
  });
});

describe('memory is bounded', () => {
  test('by lines without an end, packed a thousandfold', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 'bomb.gz');
    const [start, zeros] = [`${line()}\n`, Buffer.alloc(64 * 1024 * 1024)];
    await writeFile(path, Buffer.concat([gzipSync(start), gzipSync(zeros), gzipSync(`\n${start}`)]));
    const report = await read([path]);
    expect(report).toMatchObject({ requests: 2, broken: { lines: 1, faults: { line: 1 } } });
    expect(report.broken.listed[0]?.text.length).toBe(STATS_QUOTED.characters + 1);
  });

  test('a packed log that ends in the middle is counted as far as it goes, and told', async () => {
    const path = join(temporaryFolder(), 'access.log.gz');
    const lines = Array.from({ length: 5000 }, (_, at) => line({ agent: agentOf(at) })).join('\n');
    const packed = gzipSync(lines);
    await writeFile(path, packed.subarray(0, packed.length / 2));
    const report = await read([path]);
    expect(report.requests).toBeGreaterThan(1000);
    expect(report.logs).toMatchObject([{ problem: 'stats/damaged' }]);
    packed.fill(0, 1000, 1100);
    await writeFile(path, packed);
    expect((await read([path])).logs).toMatchObject([{ problem: 'stats/damaged' }]);
  });
});

test('a log that is not there ends everything before it begins', async () => {
  const folder = temporaryFolder();
  await expect(read([join(folder, 'none.log')])).rejects.toMatchObject({ code: 'ENOENT' });
  await expect(read([folder])).rejects.toMatchObject({ code: 'file/not-regular' });
});
