import { describe, expect, test } from 'vitest';
import { UpstreamError } from '../../scripts/upstream/error.ts';
import { asWrongName } from '../../scripts/upstream/wrong-name.ts';

const missing = new UpstreamError('upstream/missing', 'upstream has no such file');
const meant = (name: string, published: readonly string[] = []) => {
  const error = asWrongName(missing, name, published);
  if (!(error instanceof UpstreamError)) throw error;
  return [error.code, /did you mean (\S+)\?/.exec(error.message)?.[1]];
};

describe('a database that upstream never had', () => {
  test.each([
    ['dayly', 'daily'],
    ['dialy', 'daily'],
    ['Daily', 'daily'],
    ['mian', 'main'],
    ['man', 'main'],
    ['byte_code', 'bytecode'],
    ['bytecod', 'bytecode'],
  ])('%s was meant to be %s', (name, other) => {
    expect(meant(name)).toEqual(['upstream/no-database', other]);
  });

  test('may be one that the mirror has', () => {
    expect(meant('extras', ['extra'])).toEqual(['upstream/no-database', 'extra']);
  });

  test('is like no other', () => {
    expect(meant('phishing')).toEqual(['upstream/no-database', undefined]);
    expect(meant('safebrowsing')).toEqual(['upstream/no-database', undefined]);
  });
});

test('a usual one is missing, and by the right name', () => {
  for (const name of ['main', 'daily', 'bytecode']) expect(asWrongName(missing, name, [])).toBe(missing);
});

test('another trouble says nothing of the name', () => {
  const trouble = new UpstreamError('upstream/unreachable', 'no route to host');
  expect(asWrongName(trouble, 'dayly', [])).toBe(trouble);
});
