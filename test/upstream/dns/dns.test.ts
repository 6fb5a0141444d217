import { describe, expect, test } from 'vitest';
import { parseRecord } from '../../../scripts/upstream/dns.ts';

const NOW = new Date('2026-06-17T16:00:00Z');
const EPOCH = NOW.getTime() / 1000;
const record = (changes: Readonly<Record<number, string>> = {}, epoch = EPOCH) =>
  Object.values({ ...['1.0.9', '63', '28034', String(epoch), '1', '90', '49192', '339'], ...changes }).join(
    ':',
  );

test('a record tells the version of each database, and when it was made', () => {
  expect(parseRecord(record(), NOW)).toEqual({
    recommendedVersion: '1.0.9',
    epoch: EPOCH,
    fLevel: 90,
    versions: new Map([
      ['main', 63],
      ['daily', 28034],
      ['bytecode', 339],
    ]),
  });
});

describe('a record is refused', () => {
  const refused: Record<string, string> = {
    'if it is empty': '',
    'if it is an SPF record': 'v=spf1 -all',
    'if it has too few fields': '1.0.9:63:28034:1781708400:1:90:49192',
    'without a version of main': record({ 1: '' }),
    'with a version of main that is no number': record({ 1: '63a' }),
    'with a negative version of daily': record({ 2: '-28034' }),
    'with a version of daily of many digits': record({ 2: '9'.repeat(13) }),
    'with a version of bytecode that is no number': record({ 7: ' 339' }),
    'without a time': record({ 3: '' }),
    'without an f-level': record({ 5: 'x' }),
    'if it is older than twelve hours': record({}, EPOCH - 12 * 3600 - 1),
    'if it is from the future': record({}, EPOCH + 3600 + 1),
  };
  test.each(Object.entries(refused))('%s', (_, text) => {
    expect(() => parseRecord(text, NOW)).toThrow(expect.objectContaining({ code: 'upstream/record' }));
  });
});

describe('a record is believed', () => {
  const believed: Record<string, string> = {
    'for twelve hours': record({}, EPOCH - 12 * 3600),
    'if our clock is an hour slow': record({}, EPOCH + 3600),
    'if fields have been added behind the last one': `${record()}:something:new`,
    'if there is a warning and no safebrowsing': record({ 4: '', 6: '' }),
  };
  test.each(Object.entries(believed))('%s', (_, text) => {
    expect(parseRecord(text, NOW).versions.get('daily')).toBe(28034);
  });
});
