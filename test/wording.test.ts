import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { counted, lasting, moment, span, stamp, took, withMoments } from '../scripts/base/words.ts';

/** They stand alone, below what people are told: their numbers are limits. */
const BELOW = /^(cvd|verify)\//;
const root = join(import.meta.dirname, '..', 'scripts');
const sources = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts') && name !== 'base/words.ts' && !BELOW.test(name))
  .map((name) => [name, readFileSync(join(root, name), 'utf8').replaceAll(/\/\*[\s\S]*?\*\//g, '')] as const);

/** Where a form is found in a text that is put together. */
function found(form: RegExp): string[] {
  return sources.flatMap(([name, text]) => [...text.matchAll(form)].map(([match]) => `${name}: ${match}`));
}

describe('what people are told', () => {
  test('counts with words.ts, which knows the singular', () => {
    const nouns =
      'hour|minute|day|second|version|CDIFF|request|run|file|database|scenario|signature|warning|fault|time';
    const counts = found(new RegExp(`\\$\\{(?![A-Z_]+\\})[^{}]*\\} (?:${nouns})s\\b`, 'g'));
    expect(counts).toEqual([]);
  });

  test('measures time with words.ts', () => {
    expect(found(/\.toFixed\(/g)).toEqual([]);
    expect(found(/\$\{[^{}]*(?:duration|seconds)[^{}()]*\} ?(?:s|ms|min)\b/g)).toEqual([]);
  });

  test('never claims to keep what there may not be: the line of a database says what stays published', () => {
    expect(found(/stays on what it has/g)).toEqual([]);
  });

  test('names no time in the form of a machine', () => {
    expect(found(/\$\{[^{}]*\.toISOString\(\)\}(?! ?[-.]|\.)/g)).toEqual([]);
  });
});

describe('the one form', () => {
  test.each([
    [0, 'no runs'],
    [1, '1 run'],
    [2, '2 runs'],
  ])('of a count: %s', (count, text) => {
    expect(counted(count, 'run')).toBe(text);
  });

  test('of a count whose plural is another word', () => {
    expect([1, 3].map((count) => counted(count, 'entry', 'entries'))).toEqual(['1 entry', '3 entries']);
  });

  test.each([
    [-5, 'less than a minute'],
    [59_999, 'less than a minute'],
    [60_000, '1 minute'],
    [3_600_000, '1 hour'],
    [3_660_000, '1 hour 1 minute'],
    [47_613 * 3_600_000, '1983 days 21 hours'],
    [86_400_000 + 60_000, '1 day'],
    [Number.NaN, 'an unknown time'],
  ])('of a length of time: %s ms', (milliseconds, text) => {
    expect(lasting(milliseconds)).toBe(text);
  });

  test.each([
    [0.0004, '0 ms'],
    [0.012, '12 ms'],
    [0.44, '0.4 s'],
    [9.97, '10 s'],
    [41.3, '41 s'],
    [59.6, '1 min'],
    [185, '3 min 5 s'],
  ])('of what something took: %s s', (seconds, text) => {
    expect(took(seconds)).toBe(text);
  });

  test('of a moment, wherever it comes from', () => {
    expect(moment('2026-11-20T10:00:05.123Z')).toBe('2026-11-20 10:00 UTC');
    expect(moment('soon')).toBe('an unknown time');
    expect(stamp(new Date('2026-11-20T10:00:05.123Z'))).toBe('2026-11-20T10:00:05Z');
    expect(withMoments('refused since 2026-11-20T10:00:05.123Z: bad')).toBe(
      'refused since 2026-11-20 10:00 UTC: bad',
    );
    expect(withMoments('a line of 2026-11-20T10:00:05Z')).toBe('a line of 2026-11-20T10:00:05Z');
    expect(span('2026-11-20T10:00:00Z', '2026-11-21T12:30:00Z')).toBe('1 day 2 hours');
  });
});
