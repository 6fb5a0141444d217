import { describe, expect, test } from 'vitest';
import {
  Block,
  cut,
  edit,
  join,
  type LineEdit,
  type Lines,
  slice,
} from '../../../scripts/cvd/cdiff/lines.ts';
import { inPieces } from '../../support/databases/generate.ts';
import { withCode } from '../../support/throws.ts';

const CUTS = [[], [1], [2], [3, 7], [5]];

const linesOf = (text: string, sizes: readonly number[] = []): Lines => {
  const blocks = inPieces(Buffer.from(text), sizes).map((bytes) => new Block(bytes));
  return () => blocks;
};
const textOf = (blocks: Iterable<Block>) => Buffer.concat([...blocks].map(({ bytes }) => bytes)).toString();
const at = (line: number, prefix = '') => ({ line, prefix: Buffer.from(prefix) });
const change = (line: number, prefix: string, replacement?: string): LineEdit => ({
  ...at(line, prefix),
  replacement: replacement === undefined ? undefined : Buffer.from(replacement),
  source: 'a test',
});

describe.each(CUTS.map((sizes) => ({ sizes })))('lines in blocks of $sizes bytes', ({ sizes }) => {
  const file = linesOf('alpha\nbeta\n\ngamma\n', sizes);

  test('are edited', () => {
    const edits = [change(1, 'alp', 'A\n'), change(3, ''), change(4, 'gamma', '\n')];
    expect(textOf(edit(file, edits, 'a.ndb'))).toBe('A\nbeta\n\n');
  });

  test('are edited again and again', () => {
    const once = () => edit(file, [change(2, 'b')], 'a.ndb');
    const twice = () => edit(once, [change(1, 'a', 'one\n'), change(3, 'g', 'three\n')], 'a.ndb');
    expect(textOf(edit(twice, [change(2, '', 'two\n')], 'a.ndb'))).toBe('one\ntwo\nthree\n');
    expect(textOf(twice())).toBe('one\n\nthree\n');
  });

  test('are moved', () => {
    const range = { first: at(2, 'be'), last: at(3), source: 'a test' };
    expect(textOf(slice(file, range, 'a.ndb'))).toBe('beta\n\n');
    expect(textOf(cut(file, range, 'a.ndb'))).toBe('alpha\ngamma\n');
  });

  test('are moved with a last line that has no newline', () => {
    const open = linesOf('a\nb\nc', sizes);
    const range = { first: at(2, 'b'), last: at(3, 'c'), source: 'a test' };
    expect(textOf(slice(open, range, 'a.ndb'))).toBe('b\nc');
    expect(textOf(cut(open, range, 'a.ndb'))).toBe('a\n');
    expect(textOf(join(open, linesOf('d\n', sizes)))).toBe('a\nb\ncd\n');
  });

  test.each<[string, LineEdit[]]>([
    ['another prefix', [change(2, 'beto')]],
    ['a prefix longer than the line', [change(2, 'betaa')]],
    ['a prefix that goes on in the next line', [change(2, 'beta\n')]],
    ['a line past the end', [change(5, '')]],
    ['a line far past the end', [change(500, '')]],
  ])('are not edited with %s', (_, edits) => {
    expect(() => textOf(edit(file, edits, 'a.ndb'))).toThrow(withCode('cvd/patch'));
  });

  test('are not edited without a final newline, wherever the edit is', () => {
    const open = linesOf('a\nb\nc', sizes);
    for (const line of [1, 3]) {
      expect(() => textOf(edit(open, [change(line, '')], 'a.ndb'))).toThrow(withCode('cvd/patch'));
    }
  });

  test.each([
    ['an empty file', '', at(1), at(2)],
    ['a range that begins past the end', 'a\n', at(2), at(3)],
    ['a range that ends past the end', 'a\nb\n', at(2), at(3)],
    ['another first line', 'a\nb\n', at(1, 'b'), at(2)],
    ['another last line', 'a\nb\n', at(1), at(2, 'a')],
  ])('are not moved out of %s', (_, text, first, last) => {
    const range = { first, last, source: 'a test' };
    const lines = linesOf(text, sizes);
    expect(() => textOf(slice(lines, range, 'a.ndb'))).toThrow(withCode('cvd/patch'));
    expect(() => textOf(cut(lines, range, 'a.ndb'))).toThrow(withCode('cvd/patch'));
  });
});

test('a block that no edit touches passes through as it is', () => {
  const blocks = [
    new Block(Buffer.from('a\nb\n')),
    new Block(Buffer.from('c\n')),
    new Block(Buffer.from('d\n')),
  ];
  const edited = [...edit(() => blocks, [change(3, 'c')], 'a.ndb')];
  expect(edited).toEqual([blocks[0], blocks[2]]);
  expect(edited[0]).toBe(blocks[0]);
  expect(edited[1]).toBe(blocks[2]);
});

test('an error names the file, the line and who asked', () => {
  const edits = [change(2, 'beto')];
  expect(() => textOf(edit(linesOf('a\nbeta\n'), edits, 'a.ndb'))).toThrow(
    /line 2 of a\.ndb .*"beto".*a test/,
  );
});
