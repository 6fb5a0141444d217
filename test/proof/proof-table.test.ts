import { expect, test } from 'vitest';
import { proofTable } from '../../scripts/proof/proof-table.ts';
import type { Proof } from '../../scripts/proof/record.ts';

const proof: Proof = {
  passed: true,
  started: '2026-11-21T08:00:00.000Z',
  duration: 12.5,
  databases: { daily: 28_001, main: 63 },
  engines: [
    { name: 'native', version: '1.4.6', fLevel: 216 },
    { name: 'docker:clamav:0.103', version: '0.103.10', fLevel: 129 },
  ],
  results: [
    {
      engine: 'native',
      scenario: 'a client arrives',
      result: 'passed',
      evidence: 'daily.cld 28001',
      duration: 1.23,
    },
    {
      engine: 'docker:clamav:0.103',
      scenario: 'clamd lives',
      result: 'failed',
      evidence: 'it\ndied\x1b[2J',
      duration: 4,
    },
  ],
};

test('the table has every engine with its scenarios, results, durations and evidence', () => {
  expect(proofTable(proof)).toBe(`Proven together: daily 28001, main 63
2026-11-21 08:00 UTC, 13 s

native: ClamAV 1.4.6, f-level 216
  passed     1.2 s  a client arrives
                    daily.cld 28001

docker:clamav:0.103: ClamAV 0.103.10, f-level 129
  failed     4.0 s  clamd lives
                    it?died?[2J
`);
});

test('the table says what ran beside what, and in how much memory', () => {
  const table = proofTable({
    ...proof,
    memory: { loaded: 884, usable: 7200, oneByOne: true },
    results: proof.results.map((result, at) => ({ ...result, began: at * 0.5 })),
  });
  const lines = table.split('\n');
  expect(lines[2]).toMatch(/^Memory .*884 MB, of 7200 MB .*one after the other/);
  expect(table).toContain('from 0 ms to 1.2 s: daily.cld 28001');
  expect(table).toContain('from 0.5 s to 4.5 s: it?died');
});

test('what failed and what was accepted stand at the top', () => {
  const table = proofTable({
    ...proof,
    passed: false,
    accepted: { reason: 'a merge', findings: ['daily: fell'] },
  });
  expect(table.split('\n').slice(0, 4)).toEqual([
    'NOT proven together: daily 28001, main 63',
    '2026-11-21 08:00 UTC, 13 s',
    'Accepted because: a merge',
    '  daily: fell',
  ]);
});
