import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { actionsLog, annotateError } from '../scripts/action/actions-log.ts';
import { cycleSummary } from '../scripts/action/cycle-summary.ts';
import { findingsSummary } from '../scripts/action/findings-summary.ts';
import { explain, MirrorError } from '../scripts/base/errors.ts';
import { print, printJson, printRows, runLog } from '../scripts/base/log.ts';
import { printable, printableJson, printableText } from '../scripts/base/printable.ts';
import { printChecked } from '../scripts/cli/files/verify.ts';
import { status } from '../scripts/cli/status.ts';
import { printReport } from '../scripts/cli/sync.ts';
import type { DoctorReport } from '../scripts/doctor/doctor.ts';
import { doctorTable } from '../scripts/doctor/doctor-table.ts';
import { bad, good } from '../scripts/doctor/finding.ts';
import { RequestLog } from '../scripts/host/request-log.ts';
import { link } from '../scripts/notify/escape.ts';
import { Findings } from '../scripts/probe/finding.ts';
import type { ProbeReport } from '../scripts/probe/probe.ts';
import { tableOf } from '../scripts/probe/probe-table.ts';
import { proofTable } from '../scripts/proof/proof-table.ts';
import { expectHarmless, expectPlainWords, HOSTILE, hostileVariants } from './support/hostile-words.ts';
import { manifestOf, sampleReport } from './support/mirror/samples.ts';
import { keepWritten } from './support/written.ts';

const written = keepWritten();

describe('words from outside command neither a terminal nor a runner', () => {
  test.each(hostileVariants(sampleReport()))('in what sync tells: %s', (_, report) => {
    printReport(report, '/srv/clamav', runLog(process.stderr, { voice: 'verbose' }));
    expectHarmless(written());
  });

  test.each(hostileVariants(sampleReport().proof))('in the record of a proof: %s', (_, proof) => {
    if (proof === null) throw new Error('the sample has a proof');
    expectHarmless(proofTable(proof));
  });

  test.each(hostileVariants(probeReport()))('in what probe and watch tell: %s', (_, report) => {
    print(process.stdout, tableOf(report));
    expectHarmless(written());
  });

  test.each(hostileVariants(doctorReport()))('in what doctor tells: %s', (_, report) => {
    print(process.stdout, doctorTable(report, 'signs'));
    expectHarmless(written());
  });

  test('in what verify tells', () => {
    const said = { path: HOSTILE, what: HOSTILE, reason: HOSTILE, code: HOSTILE };
    printChecked([
      { ...said, verdict: 'unproven' },
      { ...said, verdict: 'proven' },
    ]);
    expectHarmless(written());
  });

  describe('in what status tells of a manifest', () => {
    let store: string;
    beforeEach(async () => {
      store = await mkdtemp(join(tmpdir(), 'printing-'));
    });
    afterEach(() => rm(store, { recursive: true, force: true }));

    test.each(hostileVariants(manifestOf()))('%s', async (_, manifest) => {
      await mkdir(store, { recursive: true });
      await writeFile(join(store, 'manifest.json'), JSON.stringify(manifest));
      for (const json of [false, true]) {
        await status({ flags: { store }, environment: {} }, json).catch((error) => {
          print(process.stderr, [explain(error)]);
        });
      }
      expectHarmless(written());
    });
  });

  test('in an error and its causes', () => {
    const cause = new Error(HOSTILE, { cause: HOSTILE });
    print(process.stderr, [explain(new MirrorError(HOSTILE, HOSTILE, { advice: HOSTILE, cause }))]);
    expectHarmless(written());
  });

  test("in a client's request", () => {
    using requests = new RequestLog((lines) => printRows(process.stdout, lines));
    requests.add(`404 GET /${HOSTILE} ${HOSTILE}`);
    requests[Symbol.dispose]();
    expectHarmless(written());
  });

  test("in the log of an action, and in what is kept of it for others' eyes", () => {
    const log = actionsLog();
    log.info(HOSTILE);
    log.info(`  ${HOSTILE}`);
    expectHarmless(written());
    log.progress(HOSTILE);
    log.warn(HOSTILE);
    annotateError(HOSTILE, HOSTILE);
    const commands = written()
      .split('\n')
      .filter((line) => line.trimStart().startsWith('::'));
    expect(commands.map((line) => line.slice(0, 9))).toEqual(['::debug::', '::warning', '::error t']);
    for (const line of [...commands.map((command) => command.replace(/^::/, '')), ...log.tail])
      expectHarmless(line);
  });

  test('in JSON, which still says the same', () => {
    const value = { [HOSTILE]: [HOSTILE, { deep: HOSTILE }] };
    printJson(process.stdout, value);
    expectHarmless(written());
    expect(JSON.parse(written())).toEqual(value);
    expectHarmless(printableJson(value));
  });
});

describe("words from outside are nothing but words in GitHub's Markdown", () => {
  test.each(hostileVariants({ report: sampleReport(), manifest: manifestOf() }))(
    'in the summary of a cycle: %s',
    (_, { report, manifest }) => {
      expectPlainWords(cycleSummary(report, { manifest, publicUrl: 'https://clamav.example' }));
    },
  );

  test.each(hostileVariants(probeReport().findings))('in the summary of findings: %s', (_, findings) => {
    expectPlainWords(findingsSummary(HOSTILE, findings));
  });

  test("in a link that GitHub's own answer names", () => {
    expect(link('run 1', 'https://github.com/a/b)[x](https://evil.example')).toBe(
      '[run 1](https://github.com/a/b%29%5Bx%5D%28https://evil.example)',
    );
    expect(link('run 1', 'javascript:alert(1)')).toBe('run 1');
    expect(link('run 1', HOSTILE)).toBe('run 1');
  });
});

describe('what is printed', () => {
  test.each([
    ['an escape sequence', '\x1b[2J\x9b1m', '?[2J?1m'],
    ['an override of the direction', 'cvd.\u202eexe', 'cvd.?exe'],
    ['an invisible character', 'da\u200bily\ufeff', 'da?ily?'],
    ['a separator of lines', 'a\u2028b\u2029c\u0085d', 'a?b?c?d'],
    ['half a character', 'a\ud800b', 'a\ufffdb'],
  ])('does not hold %s', (_, text, shown) => {
    expect(printable(text)).toBe(shown);
  });

  test('holds the letters of all languages, and tabs', () => {
    expect(printable('a\tÄ 漢字 👍 العربية')).toBe('a\tÄ 漢字 👍 العربية');
  });

  test('keeps its lines where it has several', () => {
    expect(printableText('a\r\nb\x1b\n\tc\rd')).toBe('a\nb?\n\tc?d');
  });
});

function doctorReport(): DoctorReport {
  const findings = [
    { check: 'node', ...good('24', 'go on') },
    { check: 'dns', ...bad('none', 'do this') },
  ];
  return { verdict: 'failed', unfinished: false, findings };
}

function probeReport(): ProbeReport {
  return {
    url: 'http://mirror.example',
    verdict: 'failed',
    probed: '2026-06-10T12:00:00.000Z',
    databases: { daily: 28000 },
    signed: ['daily'],
    requests: 3,
    bytes: 1024,
    findings: new Findings('daily', 'range').good('fine').fault('bad', 'do this').list,
  };
}
