import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LINE_BYTES } from '../../../scripts/base/limits/databases.ts';
import { type Command, encodeCommand, parseCommand } from '../../../scripts/cvd/cdiff/command.ts';
import { ScriptParser } from '../../../scripts/cvd/cdiff/script.ts';
import {
  anyFiles,
  anySizes,
  anySteps,
  encodeScript,
  inPieces,
  scriptFor,
} from '../../support/databases/generate.ts';
import { INVALID_SCRIPTS, VALID_SCRIPTS } from '../../support/databases/golden-scripts.ts';
import { withCode } from '../../support/throws.ts';

type Told = [number, Command];

/** What a parser tells; commands are copied, since their bytes are only valid while it tells. */
function parsed(script: Uint8Array, sizes: readonly number[] = []): Told[] {
  const told: Told[] = [];
  const parser = new ScriptParser((command, line) => told.push([line, parseCommand(encodeCommand(command))]));
  for (const piece of inPieces(script, sizes)) parser.write(Buffer.from(piece));
  parser.end();
  return told;
}

const parsedText = (script: string) => parsed(Buffer.from(script, 'latin1'));

describe('a script', () => {
  test('is read as its commands, with their lines', () => {
    expect(parsedText('# first\nOPEN a.ndb\nADD z\n#\nCLOSE\nUNLINK b.ldb\n')).toEqual([
      [2, { kind: 'open', file: 'a.ndb' }],
      [3, { kind: 'add', text: Buffer.from('z') }],
      [5, { kind: 'close' }],
      [6, { kind: 'unlink', file: 'b.ldb' }],
    ]);
  });

  test('reads the same whole, byte by byte and in pieces', () => {
    fc.assert(
      fc.property(anyFiles, anySteps, anySizes, (files, steps, sizes) => {
        const { commands } = scriptFor(files, steps);
        expect(parsed(encodeScript(commands), sizes)).toEqual(
          commands.map((command, at) => [at + 1, command]),
        );
      }),
    );
  });

  test.each(VALID_SCRIPTS)('may hold $what', ({ script }) => {
    expect(() => parsedText(script)).not.toThrow();
  });

  test.each(INVALID_SCRIPTS.filter(({ code }) => code === 'cvd/script'))(
    'may not hold $why',
    ({ script }) => {
      expect(() => parsedText(script)).toThrow(withCode('cvd/script'));
      expect(() => parsed(Buffer.from(script, 'latin1'), [1])).toThrow(withCode('cvd/script'));
    },
  );

  test('says in which line the fault is', () => {
    expect(() => parsedText('OPEN a.ndb\nADD z\nclose\n')).toThrow(/\bline 3\b/);
    expect(() => parsedText('OPEN a.ndb\nADD z\n')).toThrow(/\ba\.ndb\b/);
  });
});

describe('the limit for a line', () => {
  const open = Buffer.from('OPEN a.ndb\nADD ');
  const close = Buffer.from('\nCLOSE\n');
  const longest = Buffer.alloc(LINE_BYTES - 4, 'x');

  test('lets the longest line through, in one piece or several', () => {
    for (const sizes of [[], [1_000_000]]) {
      expect(parsed(Buffer.concat([open, longest, close]), sizes)).toHaveLength(3);
    }
  });

  test('stops one byte more, in one piece or several', () => {
    for (const sizes of [[], [1_000_000]]) {
      const script = Buffer.concat([open, longest, Buffer.from('x'), close]);
      expect(() => parsed(script, sizes)).toThrow(withCode('cvd/script'));
    }
  });

  test('stops a line that never ends', () => {
    const parser = new ScriptParser(() => {});
    parser.write(open);
    const piece = Buffer.alloc(1024 * 1024, 'x');
    const endless = () => {
      for (let count = 0; count < 1000; count++) parser.write(piece);
    };
    expect(endless).toThrow(withCode('cvd/script'));
  });
});
