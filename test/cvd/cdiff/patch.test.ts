import { describe, expect, test } from 'vitest';
import { PATCH_LIMITS } from '../../../scripts/base/limits/databases.ts';
import { Patch } from '../../../scripts/cvd/cdiff/patch.ts';
import { GOLDEN_FILES, INVALID_SCRIPTS, VALID_SCRIPTS } from '../../support/databases/golden-scripts.ts';
import type { Files } from '../../support/databases/naive.ts';
import { withCode } from '../../support/throws.ts';

const patchOf = (files: Files) => new Patch(files.keys(), (name) => [files.get(name) ?? Buffer.alloc(0)]);
const filesOf = (patch: Patch) =>
  Object.fromEntries([...patch.names].map((name) => [name, textOf(patch, name)]));
const textOf = (patch: Patch, name: string) => Buffer.concat([...patch.read(name)]).toString('latin1');

function apply(patch: Patch, version: number, text: string): Patch {
  const script = patch.script(version);
  script.write(Buffer.from(text, 'latin1'));
  script.end();
  return patch;
}

describe('a script', () => {
  test.each(VALID_SCRIPTS)('works with $what', ({ script, files }) => {
    const before = Object.fromEntries([...GOLDEN_FILES].map(([name, bytes]) => [name, bytes.toString()]));
    const expected = Object.entries({ ...before, ...files }).filter(([, text]) => text !== undefined);
    expect(filesOf(apply(patchOf(GOLDEN_FILES), 2, script))).toEqual(Object.fromEntries(expected));
  });

  test.each(INVALID_SCRIPTS)('fails with $why', ({ script, code }) => {
    expect(() => filesOf(apply(patchOf(GOLDEN_FILES), 2, script))).toThrow(withCode(code));
  });
});

describe('a patch', () => {
  test('reads nothing before it is asked to, and only what it is asked for', () => {
    const read: string[] = [];
    const patch = new Patch(['a.ndb', 'b.ldb'], (name) => {
      read.push(name);
      return [Buffer.from('x\n')];
    });
    apply(patch, 2, 'OPEN a.ndb\nDEL 1 x\nCLOSE\nOPEN b.ldb\nADD y\nCLOSE\n');
    expect(read).toEqual([]);
    expect(textOf(patch, 'b.ldb')).toBe('x\ny\n');
    expect(read).toEqual(['b.ldb']);
  });

  test('gives a file as often as it is asked', () => {
    const patch = apply(patchOf(GOLDEN_FILES), 2, 'OPEN b.ldb\nXCHG 1 x z\nADD !\nCLOSE\n');
    expect([textOf(patch, 'b.ldb'), textOf(patch, 'b.ldb')]).toEqual(['z\ny\n!\n', 'z\ny\n!\n']);
  });

  test('remembers which version touched a file last', () => {
    const patch = patchOf(GOLDEN_FILES);
    apply(patch, 2, 'OPEN a.ndb\nADD x\nCLOSE\nOPEN b.ldb\nADD x\nCLOSE\n');
    apply(patch, 3, 'MOVE a.ndb d.fp 1 one 2 two\nOPEN b.ldb\nCLOSE\n');
    const changes = ['a.ndb', 'b.ldb', 'c.hdb', 'd.fp'].map((name) => patch.changedBy(name));
    expect(changes).toEqual([3, 2, undefined, 3]);
  });

  test('does not hold on to the bytes that it is given', () => {
    const script = Buffer.from('MOVE a.ndb d.fp 1 one 2 two\nOPEN b.ldb\nXCHG 1 x z\nADD !\nCLOSE\n');
    const patch = patchOf(GOLDEN_FILES);
    const sink = patch.script(2);
    sink.write(script);
    sink.end();
    script.fill(0);
    expect(textOf(patch, 'b.ldb')).toBe('z\ny\n!\n');
    expect(textOf(patch, 'd.fp')).toBe('one\ntwo words\n');
  });

  test('has no file that is not there', () => {
    expect(() => textOf(patchOf(GOLDEN_FILES), 'e.cdb')).toThrow(withCode('cvd/patch'));
  });

  test('names the version and the line of the command that does not fit', () => {
    const patch = apply(patchOf(GOLDEN_FILES), 28001, '# why\nOPEN a.ndb\nDEL 1 two\nCLOSE\n');
    expect(() => textOf(patch, 'a.ndb')).toThrow(/a\.ndb.*line 3 of script 28001/);
  });
});

describe('the limits of a patch', () => {
  const tooLarge = withCode('cvd/too-large');

  test('stop scripts that are too long together', () => {
    const patch = patchOf(GOLDEN_FILES);
    const comment = Buffer.alloc(1024 * 1024, '#');
    comment[comment.length - 1] = 0x0a;
    const pieces = PATCH_LIMITS.scripts / comment.length;
    for (let version = 1; version <= 2; version++) {
      const script = patch.script(version);
      for (let count = 0; count < pieces / 2; count++) script.write(comment);
      script.end();
    }
    expect(() => patch.script(3).write(Buffer.from('#'))).toThrow(tooLarge);
  });

  test('stop too many edits', () => {
    const patch = patchOf(GOLDEN_FILES);
    const script = patch.script(2);
    script.write(Buffer.from('OPEN a.ndb\n'));
    script.write(Buffer.from('DEL 1 \n'.repeat(PATCH_LIMITS.edits)));
    expect(() => script.write(Buffer.from('DEL 1 \n'))).toThrow(tooLarge);
  });

  test('stop a file that is edited too often, before the stack does', () => {
    const patch = patchOf(GOLDEN_FILES);
    for (let version = 1; version <= PATCH_LIMITS.steps; version++) {
      apply(patch, version, `OPEN b.ldb\nXCHG 1  ${version}\nCLOSE\n`);
    }
    expect(textOf(patch, 'b.ldb')).toBe(`${PATCH_LIMITS.steps}\ny\n`);
    expect(() => apply(patch, 1, 'OPEN b.ldb\nXCHG 1  z\nCLOSE\n')).toThrow(tooLarge);
  });

  test.each(['', 'UNLINK a.ndb\nUNLINK b.ldb\n'])(
    'stop files that are moved into one another, after %j',
    (before) => {
      const fill = ['a.ndb', 'b.ldb'].map((name) => `OPEN ${name}\nADD x\nADD y\nCLOSE\n`).join('');
      const patch = apply(patchOf(GOLDEN_FILES), 2, before + fill);
      const thereAndBack = () => {
        for (let version = 3; version < 100; version++) {
          apply(patch, version, 'MOVE a.ndb b.ldb 1  2 \nMOVE b.ldb a.ndb 1  2 \n');
        }
      };
      expect(thereAndBack).toThrow(tooLarge);
    },
  );
});
