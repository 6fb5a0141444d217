import { expect, test } from 'vitest';
import { ChangeCounter } from '../../../scripts/cvd/cdiff/changes.ts';
import { ScriptParser } from '../../../scripts/cvd/cdiff/script.ts';

const NOTHING = { added: 0, deleted: 0, exchanged: 0, movedOut: 0, movedIn: 0, unlinked: false };

function changesOf(script: string) {
  const counter = new ChangeCounter();
  const parser = new ScriptParser((command) => counter.add(command));
  parser.write(Buffer.from(script));
  parser.end();
  return counter.files;
}

test('the changes of a script are counted for each file', () => {
  const script = `OPEN test.info
XCHG 1 a b
DEL 2 c
ADD d
ADD e
ADD
CLOSE
MOVE b.ndb a.ndb 3 x 7 y
UNLINK c.ldb
OPEN test.info
ADD f
CLOSE
`;
  expect(changesOf(script)).toEqual([
    { ...NOTHING, file: 'test.info', added: 3, deleted: 1, exchanged: 1 },
    { ...NOTHING, file: 'b.ndb', movedOut: 5 },
    { ...NOTHING, file: 'a.ndb', movedIn: 5 },
    { ...NOTHING, file: 'c.ldb', unlinked: true },
  ]);
});

test('a file that is removed and written anew is not counted as removed', () => {
  expect(changesOf('UNLINK a.ndb\nOPEN a.ndb\nADD x\nCLOSE\n')).toEqual([
    { ...NOTHING, file: 'a.ndb', added: 1 },
  ]);
});
