import { describe, expect, test } from 'vitest';
import {
  beyondEngines,
  type Finding,
  implausibleIn,
  type Step,
} from '../../../scripts/cycle/gate/plausibility.ts';
import type { DatabaseRecord } from '../../../scripts/mirror/manifest.ts';

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
/** Nobody has set one. */
const limits = { maxSignatureDrop: undefined };

function stepOf(database: string, change: Partial<DatabaseRecord>): Step {
  return { database, published, next: { ...next, ...change } };
}

function found(step: Step, others: readonly Step[] = [], drop: number | undefined = undefined): Finding[] {
  return implausibleIn(step, others, { maxSignatureDrop: drop });
}

function findings(change: Partial<DatabaseRecord>): string[] {
  return found(stepOf('daily', change)).map(({ what }) => what);
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
    const first = { ...stepOf('daily', { signatures: 0, size: 1 }), published: undefined };
    expect(implausibleIn(first, [], limits)).toEqual([]);
  });
});

describe('main and daily', () => {
  const kinds = (step: Step, others: readonly Step[], drop?: number) =>
    found(step, others, drop).map(({ kind }) => kind);
  const half = { signatures: 900_000, size: 22_000_000 };
  const gained = { signatures: 3_200_000, size: 100_000_000 };

  test('are judged together: what one loses the other may gain, and the other way round', () => {
    const [daily, main] = [stepOf('daily', half), stepOf('main', gained)];
    expect(kinds(daily, [daily, main])).toEqual([]);
    expect(kinds(daily, [daily])).toEqual(['fewer', 'fewer']);
    const large = stepOf('main', { size: 150_000_000 });
    expect(kinds(large, [daily, large])).toEqual([]);
    expect(kinds(large, [large])).toEqual(['larger']);
  });

  test('each lose by themselves where nothing is gained', () => {
    const [daily, main] = [stepOf('daily', half), stepOf('main', half)];
    expect(kinds(daily, [daily, main])).toEqual(['fewer', 'fewer']);
    expect(kinds(main, [daily, main])).toEqual(['fewer', 'fewer']);
  });

  test('are judged by themselves where somebody has set a share', () => {
    const [daily, main] = [stepOf('daily', half), stepOf('main', gained)];
    expect(kinds(daily, [daily, main], 0.2)).toEqual(['fewer']);
  });

  test('have nothing to do with bytecode', () => {
    const [daily, other] = [stepOf('daily', half), stepOf('bytecode', gained)];
    expect(kinds(daily, [daily, other])).toEqual(['fewer', 'fewer']);
    expect(kinds(stepOf('bytecode', half), [stepOf('main', gained)])).toEqual(['fewer', 'fewer']);
  });

  test('that keep less than a tenth have collapsed', () => {
    expect(kinds(stepOf('daily', { signatures: 199_999 }), [])).toEqual(['collapsed']);
    expect(kinds(stepOf('daily', { signatures: 200_000 }), [])).toEqual(['fewer']);
  });
});

describe('a file in a database', () => {
  const sizes = (ign2: number | undefined, hsb = 50_000) =>
    new Map([['daily.hsb', hsb], ...(ign2 === undefined ? [] : ([['daily.ign2', ign2]] as const))]);
  const of = (before: number, after: number | undefined): Step => ({
    ...stepOf('daily', {}),
    members: { published: sizes(before), next: sizes(after) },
  });

  test.each([
    ['empty', 0],
    ['cut to a line', 30],
    ['gone', undefined],
  ])('that is %s is found, and named', (_name, after) => {
    expect(found(of(2000, after))).toMatchObject([{ kind: 'member daily.ign2' }]);
  });

  test('may keep a tenth, and a small one anything', () => {
    expect(found(of(2000, 200))).toEqual([]);
    expect(found(of(255, 0))).toEqual([]);
    expect(found(stepOf('daily', {}))).toEqual([]);
  });

  test('may have moved into the same kind of file of the other database', () => {
    const emptied = {
      ...stepOf('daily', {}),
      members: { published: sizes(2000), next: sizes(2000, 0) },
    };
    const main = (size: number): Step => ({
      ...stepOf('main', {}),
      members: { published: new Map([['main.hsb', 100]]), next: new Map([['main.hsb', size]]) },
    });
    expect(found(emptied, [emptied, main(60_000)])).toEqual([]);
    expect(found(emptied, [emptied, main(200)])).toMatchObject([{ kind: 'member daily.hsb' }]);
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
