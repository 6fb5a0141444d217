import { describe, expect, test } from 'vitest';
import type { PinnedImage } from '../../scripts/engine/default-images.ts';
import { checkEngineAges } from '../../scripts/watch/engine-ages.ts';

const DIGEST = `sha256:${'a'.repeat(64)}`;
const OTHER = `sha256:${'b'.repeat(64)}`;
const PINS: readonly PinnedImage[] = [
  { image: `docker.io/x/y:1.5.4@${DIGEST}`, pinned: '2026-11-01', role: 'newest', endOfLife: undefined },
  { image: `docker.io/x/y:1.4@${OTHER}`, pinned: '2026-11-01', role: 'oldest', endOfLife: '2027-08-15' },
];

const warnings = (day: string, ...used: { version: string; image?: string }[]) =>
  checkEngineAges(used, new Date(`${day}T00:00:00Z`), PINS).map(
    ({ subject, check, verdict }) => `${subject}, ${check}: ${verdict}`,
  );

describe('a pinned image that proves the mirror', () => {
  test.each([
    ['2026-12-31', []],
    ['2027-01-01', ['mirror, engine image: warning']],
  ])('on %s, two months after it was pinned, is warned of: %j', (day, expected) => {
    expect(warnings(day, { version: '1.5.4', image: `x/y@${DIGEST}` })).toEqual(expected);
  });

  test('is of no account if another image or a native engine is used', () => {
    const others = [{ version: '1.5.4', image: `x/y@sha256:${'c'.repeat(64)}` }, { version: '1.5.4' }];
    expect(warnings('2030-01-01', ...others)).toEqual([]);
  });
});

describe('a release whose support ends', () => {
  test.each([
    ['2027-06-15', []],
    ['2027-06-17', ['mirror, engine support: warning']],
    ['2028-01-01', ['mirror, engine support: warning']],
  ])('is warned of from 60 days before: on %s %j', (day, expected) => {
    expect(warnings(day, { version: '1.4.6' })).toEqual(expected);
  });

  test('is of no account if no engine is of that release', () => {
    expect(warnings('2028-01-01', { version: '1.5.4' }, { version: '1.40.1' })).toEqual([]);
  });
});
