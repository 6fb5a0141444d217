import { describe, expect, test } from 'vitest';
import type { ToolRun } from '../../scripts/engine/engine.ts';
import type { Sample } from '../../scripts/proof/samples/samples.ts';
import { requireVerdicts } from '../../scripts/proof/scenarios/scan.ts';
import { tellingLine } from '../../scripts/proof/scenarios/scenario.ts';

const SAMPLES: readonly Sample[] = [
  { name: 'hello.txt', expected: 'clean' },
  { name: 'eicar.com', expected: /^Eicar-Test-Signature$/ },
];
const SAFE = '/c/samples/hello.txt: OK';
const FOUND = '/c/samples/eicar.com: Eicar-Test-Signature FOUND';

function run(lines: readonly string[], end: Partial<ToolRun> = {}): ToolRun {
  return { exitCode: 1, timedOut: false, output: lines.map((line) => `${line}\n`).join(''), ...end };
}

test('what clamscan should say of every sample is taken, and is the evidence', () => {
  expect(requireVerdicts(run([SAFE, FOUND]), '/c/samples', SAMPLES)).toBe(
    'hello.txt OK, eicar.com Eicar-Test-Signature',
  );
});

test('a warning beside the right verdicts is taken', () => {
  const old = 'LibClamAV Warning: ***  The virus database is older than 7 days!  ***';
  expect(requireVerdicts(run([old, SAFE, FOUND]), '/c/samples', SAMPLES)).toContain('Eicar-Test-Signature');
});

test('without a sample that is to be found, exit 0 is the right one', () => {
  const samples = SAMPLES.slice(0, 1);
  expect(requireVerdicts(run([SAFE], { exitCode: 0 }), '/c/samples', samples)).toBe('hello.txt OK');
  expect(() => requireVerdicts(run([SAFE]), '/c/samples', samples)).toThrow('exit 1');
});

describe('defect 12: taking any non-zero exit for "EICAR detected"', () => {
  const wrong: Readonly<Record<string, ToolRun>> = {
    'exit 2 with every verdict right': run([SAFE, FOUND], { exitCode: 2 }),
    'exit 0 with every verdict right': run([SAFE, FOUND], { exitCode: 0 }),
    'a signal': run([SAFE, FOUND], { exitCode: null }),
    'the time limit': run([SAFE, FOUND], { exitCode: null, timedOut: true }),
    'an ERROR line beside the detection': run([SAFE, FOUND, "/c/samples/other: Can't open file ERROR"]),
    'an ERROR verdict on the safe sample': run(['/c/samples/hello.txt: Access denied. ERROR', FOUND]),
    'an error of the library beside the detection': run([
      'LibClamAV Error: cli_loaddb: malformed',
      SAFE,
      FOUND,
    ]),
    'an error of clamscan beside the detection': run(['ERROR: Database load failed', SAFE, FOUND]),
    'another signature': run([SAFE, '/c/samples/eicar.com: Win.Test.Other FOUND']),
    'a signature that only begins like it': run([SAFE, '/c/samples/eicar.com: Eicar-Test-Signature.2 FOUND']),
    'EICAR found clean': run([SAFE, '/c/samples/eicar.com: OK']),
    'EICAR found in another file': run([FOUND.replace('eicar.com', 'hello.txt'), SAFE]),
    'the safe sample detected': run(['/c/samples/hello.txt: Html.Phishing FOUND', FOUND]),
    'the safe sample detected and cleared': run(['/c/samples/hello.txt: Html.Phishing FOUND', SAFE, FOUND]),
    'the safe sample cleared and detected': run([SAFE, '/c/samples/hello.txt: Html.Phishing FOUND', FOUND]),
    'two signatures on EICAR': run([SAFE, FOUND, '/c/samples/eicar.com: Win.Test.Other FOUND']),
    'nothing of the safe sample': run([FOUND]),
    'nothing of EICAR': run([SAFE]),
    'nothing at all': run([]),
    'nothing but a summary': run(['----------- SCAN SUMMARY -----------', 'Infected files: 1']),
    'a detection in the middle of a line': run([SAFE, `warning: ${FOUND} or so`]),
  };

  test.each(Object.keys(wrong))('%s fails the scenario', (name) => {
    expect(() => requireVerdicts(wrong[name] ?? run([]), '/c/samples', SAMPLES)).toThrow(
      expect.objectContaining({ name: 'ScenarioFailure' }),
    );
  });
});

describe('of a malformed line in daily.ldb, the reason tells what freshclam tells', () => {
  const FOLDER = '/tmp/mirror-XSOYoS/run/clients-zuzVsw/fresh/db/tmp.08990f8488';
  const CVD = `${FOLDER}/clamav-4b731cb72ddb06f13f19afa8b84b831d.tmp-daily.cvd`;
  const begins = [
    'ClamAV update process started at Sat Nov 28 06:46:11 2026',
    'WARNING: DNS Update Info disabled. Falling back to HTTP mode.',
    `Testing database: '${CVD}' ...`,
    '[LibClamAV] ******************************************************',
    '[LibClamAV] ***      Virus database timestamp in the future!   ***',
    '[LibClamAV] ******************************************************',
  ];
  const ends = [
    'WARNING: Database load exited with "Test failed"',
    'ERROR: Database test FAILED.',
    'ERROR: Update failed.',
  ];

  test('of 1.4, which says all that the library says', () => {
    const said = [
      'WARNING: [LibClamAV] Invalid or unsupported ldb signature format',
      'WARNING: [LibClamAV] Problem parsing database at line 2',
      "WARNING: [LibClamAV] Can't load daily.ldb: Malformed database",
      "WARNING: [LibClamAV] cli_tgzload: Can't load daily.ldb",
      `WARNING: [LibClamAV] Can't load ${CVD}: Malformed database`,
      'ERROR: Failed to load new database: Malformed database',
    ];
    expect(tellingLine(run([...begins, ...said, ...ends]))).toBe(
      "Invalid or unsupported ldb signature format; Problem parsing database at line 2; Can't load daily.ldb: Malformed database; cli_tgzload: Can't load daily.ldb; Can't load daily.cvd: Malformed database",
    );
  });

  test('of 1.0, which says the first and the last of it, on a line of its own', () => {
    const said = [
      'ERROR: Failed to load new database: Malformed database',
      `WARNING: Stderr output from database load : WARNING: [LibClamAV] Invalid or unsupported ldb signature format [...] WARNING: [LibClamAV] Can't load ${CVD}: Malformed database`,
    ];
    expect(tellingLine(run([...begins, ...said, ...ends]))).toBe(
      "ERROR: Failed to load new database: Malformed database; Invalid or unsupported ldb signature format; Can't load daily.cvd: Malformed database",
    );
  });
});
