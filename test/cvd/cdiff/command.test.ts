import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Command, encodeCommand, parseCommand } from '../../../scripts/cvd/cdiff/command.ts';
import { anyFiles, anySteps, scriptFor } from '../../support/databases/generate.ts';
import { withCode } from '../../support/throws.ts';

const bytes = (text: string) => Buffer.from(text, 'latin1');
const ref = (line: number, prefix: string) => ({ line, prefix: bytes(prefix) });

const COMMANDS: [string, Command][] = [
  ['OPEN daily.ldb', { kind: 'open', file: 'daily.ldb' }],
  ['OPEN 3986187.cbc', { kind: 'open', file: '3986187.cbc' }],
  ['OPEN my_own.hdb', { kind: 'open', file: 'my_own.hdb' }],
  ['OPEN COPYING', { kind: 'open', file: 'COPYING' }],
  ['CLOSE', { kind: 'close' }],
  ['ADD', { kind: 'add', text: undefined }],
  ['ADD ', { kind: 'add', text: bytes('') }],
  ['ADD  two spaces \r', { kind: 'add', text: bytes(' two spaces \r') }],
  ['ADD \xff\0', { kind: 'add', text: bytes('\xff\0') }],
  ['DEL 1 ', { kind: 'del', ...ref(1, '') }],
  ['DEL 28001 Win.Trojan', { kind: 'del', ...ref(28001, 'Win.Trojan') }],
  ['XCHG 2 old new line', { kind: 'xchg', ...ref(2, 'old'), text: bytes('new line') }],
  ['XCHG 2  ', { kind: 'xchg', ...ref(2, ''), text: bytes('') }],
  ['UNLINK daily.ldb', { kind: 'unlink', file: 'daily.ldb' }],
  [
    'MOVE a.ndb b.ndb 1 x 9 ',
    { kind: 'move', from: 'a.ndb', to: 'b.ndb', first: ref(1, 'x'), last: ref(9, '') },
  ],
];

describe('a command', () => {
  test.each(COMMANDS)('%j is read and written', (line, command) => {
    expect(parseCommand(bytes(line))).toEqual(command);
    expect(Buffer.from(encodeCommand(command)).toString('latin1')).toBe(line);
  });

  test('DEL ignores what sigtool wrote behind the prefix', () => {
    expect(parseCommand(bytes('DEL 3 Win.A:0 more'))).toEqual({ kind: 'del', ...ref(3, 'Win.A:0') });
  });

  test('any command comes back as it was', () => {
    fc.assert(
      fc.property(anyFiles, anySteps, (files, steps) => {
        for (const command of scriptFor(files, steps).commands) {
          expect(parseCommand(encodeCommand(command))).toEqual(command);
        }
      }),
    );
  });

  test('no line does more harm than to be refused', () => {
    const anyWord = fc.constantFrom(
      'OPEN',
      'ADD',
      'DEL',
      'XCHG',
      'MOVE',
      'UNLINK',
      'CLOSE',
      'a.b',
      '1',
      '9',
      '',
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(anyWord, fc.string({ unit: 'binary', maxLength: 5 }))), (words) => {
        try {
          parseCommand(bytes(words.join(' ').replaceAll('\n', '')));
        } catch (error) {
          expect(error).toEqual(withCode('cvd/script'));
        }
      }),
    );
  });

  test.each<[string, Command]>([
    ['a newline in what is added', { kind: 'add', text: bytes('a\nUNLINK b') }],
    ['a newline in a prefix', { kind: 'del', ...ref(1, 'a\n') }],
    ['a space in a prefix', { kind: 'del', ...ref(1, 'a b') }],
  ])('is not written with %s', (_, command) => {
    expect(() => encodeCommand(command)).toThrow(withCode('cvd/script'));
  });
});
