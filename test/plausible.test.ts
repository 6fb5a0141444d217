import { describe, expect, test } from 'vitest';
import { beyondEngines, implausibleIn } from '../scripts/plausible.ts';
import type { DatabaseRecord } from '../scripts/store/manifest.ts';

const published: DatabaseRecord = {
  version: 28_000,
  built: '2026-11-20T08:00:00.000Z',
  signatures: 2_000_000,
  fLevel: 90,
  size: 60_000_000,
  sha256: '0'.repeat(64),
  cdiffs: null,
  missingCdiffs: [],
};
const next: DatabaseRecord = { ...published, version: 28_001, built: '2026-11-21T08:00:00.000Z' };
const limits = { maxSignatureDrop: 0.2 };

function findings(change: Partial<DatabaseRecord>): string[] {
  return implausibleIn('daily', { ...next, ...change }, published, limits);
}

describe('what looks wrong about the next version', () => {
  const wrong: Readonly<Record<string, [change: Partial<DatabaseRecord>, said: RegExp]>> = {
    'a version that goes back': [{ version: 27_999 }, /version goes back from 28000 to 27999/],
    'a build time that goes back by a second': [
      { built: '2026-11-20T07:59:59.000Z' },
      /build time goes back/,
    ],
    'signatures that fall by more than the set share': [{ signatures: 1_599_999 }, /fall .* more than 20 %/],
    'no signatures at all': [{ signatures: 0 }, /fall from 2000000 to 0/],
    'a size that more than doubles': [{ size: 121_000_001 }, /size goes from 60000000 to 121000001/],
    'a size that shrinks below a half': [{ size: 28_999_999 }, /size goes from/],
  };
  test.each(Object.keys(wrong))('%s is found, and the database named', (name) => {
    const [change, said] = wrong[name] ?? [{}, /^$/];
    expect(findings(change)).toEqual([expect.stringMatching(said)]);
    expect(findings(change)[0]).toMatch(/^daily: /);
  });

  test('several things are all found', () => {
    expect(findings({ version: 1, signatures: 1, size: 1 })).toHaveLength(3);
  });

  const right: Readonly<Record<string, Partial<DatabaseRecord>>> = {
    'the usual step': {},
    'the same version, for CDIFFs that were missing': { version: 28_000, built: published.built },
    'a fall by just the set share': { signatures: 1_600_000 },
    'the largest size': { size: 121_000_000 },
    'the smallest size': { size: 29_000_000 },
  };
  test.each(Object.keys(right))('%s is taken', (name) => {
    expect(findings(right[name] ?? {})).toEqual([]);
  });

  test('a first version is compared with nothing', () => {
    expect(implausibleIn('daily', { ...next, signatures: 0, size: 1 }, undefined, limits)).toEqual([]);
  });
});

describe('an f-level', () => {
  const proof = (...fLevels: (number | undefined)[]) => ({
    passed: true,
    started: '2026-11-21T08:00:00.000Z',
    duration: 0,
    databases: {},
    engines: fLevels.map((fLevel) => ({ name: 'native', version: '1', fLevel })),
    results: [],
  });

  test('that one of the engines has is taken', () => {
    expect(beyondEngines('daily', next, proof(80, 90))).toEqual([]);
  });

  test('beyond every engine is found', () => {
    expect(beyondEngines('daily', next, proof(80, 89))).toEqual([expect.stringMatching(/^daily: .*90.*89$/)]);
  });

  test('is beyond engines that have not told theirs, and beyond none at all', () => {
    expect(beyondEngines('daily', next, proof(undefined))).toHaveLength(1);
    expect(beyondEngines('daily', next, proof())).toHaveLength(1);
  });
});
