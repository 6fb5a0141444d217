import { expect, test } from 'vitest';
import { parseJson } from '../../scripts/base/json.ts';

const LIMIT = 8_000_000;

test.each([
  ['a manifest', '{"format":1,"databases":{}}'],
  ['brackets within words', JSON.stringify(['['.repeat(1000), { a: [1] }])],
])('parses %s', (_, text) => {
  expect(parseJson(text, LIMIT)).toEqual(JSON.parse(text));
});

test.each([
  ['lists within lists', '['.repeat(LIMIT)],
  ['empty lists', `[${'[],'.repeat(200_000)}1]`],
  ['empty objects', `[${'{},'.repeat(200_000)}1]`],
  ['more characters than are allowed', ' '.repeat(LIMIT + 1)],
])('does not begin with %s, which would cost more than they are worth', (_, text) => {
  expect(() => parseJson(text, LIMIT)).toThrow(RangeError);
});

test('says of what is no JSON that it is none', () => {
  for (const text of ['', '<html>', '{"a":']) expect(() => parseJson(text, LIMIT)).toThrow(SyntaxError);
});
