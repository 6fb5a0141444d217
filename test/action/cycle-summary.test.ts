import { describe, expect, test } from 'vitest';
import { cycleSummary } from '../../scripts/action/cycle-summary.ts';
import type { CycleReport } from '../../scripts/cycle/report.ts';
import type { Manifest } from '../../scripts/mirror/manifest.ts';
import { plain } from '../../scripts/notify/escape.ts';

const HOSTILE = '<img src=x> [click](https://evil.example) @team #1 `code`\n# title | cell';

const report: CycleReport = {
  outcome: 'refused',
  databases: {
    daily: {
      outcome: 'published',
      from: 28000,
      to: 28001,
      how: 'rebuilt',
      offered: 28001,
      upstreamBytes: 125_000,
      notes: [],
    },
    main: {
      outcome: 'refused',
      from: 62,
      to: 62,
      how: 'unchanged',
      offered: 63,
      upstreamBytes: 522,
      code: 'proof/failed',
      reason: HOSTILE,
      notes: [HOSTILE],
    },
  },
  proof: {
    passed: true,
    started: '2026-11-21T12:00:00Z',
    duration: 12.5,
    databases: { daily: 28001 },
    engines: [{ name: 'native', version: '1.4.6', fLevel: 216 }],
    results: [
      {
        engine: 'native',
        scenario: 'a fresh client',
        result: 'passed',
        evidence: 'daily 28001',
        duration: 2,
      },
      { engine: 'native', scenario: 'a client by DNS', result: 'skipped', evidence: 'no root', duration: 0 },
    ],
  },
  adoption: {
    folder: HOSTILE,
    files: [
      { name: 'daily-28001.cdiff', outcome: 'adopted' },
      { name: 'daily-28000.cdiff', outcome: 'adopted' },
      { name: HOSTILE, outcome: 'unproven', reason: HOSTILE },
    ],
  },
  upstreamBytes: 125_522,
  duration: 20,
  times: {},
};
const manifest = {
  checked: '2026-11-21T12:00:00Z',
  published: '2026-11-21T11:00:00Z',
  databases: { daily: { version: 28001, size: 76_000_000 }, main: { version: 62 } },
} as unknown as Manifest;

describe('the summary of a cycle', () => {
  const text = cycleSummary(report, { manifest, publicUrl: 'https://clamav.example' });

  test('says first how it went, then what became of each database', () => {
    expect(text).toMatch(/^## ⛔ Refused/);
    expect(text).toContain('| daily | 28000 | 28001 | rebuilt | 125.0 KB |');
    expect(text).toContain('| main | 62 | 62 | **refused** 63: ');
  });

  test('tells what was saved, how it was proven, and what clients get', () => {
    expect(text).toContain('**75.9 MB** saved by rebuilding');
    expect(text).toContain('| a fresh client | ✅ 2.0 s |');
    expect(text).toContain('| a client by DNS | skipped |');
    expect(text).toContain('Clients get daily 28001, main 62, published 2026-11-21 11:00 UTC');
    expect(text).toContain('[manifest](https://clamav.example/manifest.json)');
    expect(text).toContain('[status page](https://clamav.example/)');
    expect(text).toContain('[latest changes](https://clamav.example/#changes)');
  });

  test('tells what became of the files of an adopted folder', () => {
    expect(text).toContain('- adopted: daily-28000.cdiff to daily-28001.cdiff');
    expect(text).toMatch(/^- cannot be proven \(/m);
  });

  test('shows nobody else’s words as anything but words', () => {
    const said = text.replaceAll(
      /\[(status page|latest changes|manifest|proof)\]\(https:\/\/clamav\.example[^)]*\)/g,
      '',
    );
    expect(said).not.toMatch(/<img|\]\(|@team|#1\b|`code`|https:\/\/evil/);
    expect(text.split('\n').filter((line) => line.startsWith('# '))).toEqual([]);
  });

  test('says so when nothing was ever published', () => {
    const error = { code: 'engine/missing', message: 'no ClamAV is installed' };
    const nothing = { ...report, outcome: 'failed', databases: {}, proof: null, error } as const;
    const said = cycleSummary(nothing, { manifest: undefined, publicUrl: undefined });
    expect(said).toContain('**engine/missing**: no ClamAV is installed');
    expect(said).toContain('Nothing is published.');
  });
});

test('plain text stays readable', () => {
  expect(plain('version 5 → 6, 1.4 MB (rebuilt)')).toBe('version 5 → 6, 1.4 MB (rebuilt)');
});
