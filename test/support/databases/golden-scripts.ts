import type { CvdErrorCode } from '../../../scripts/cvd/error.ts';

/** What the golden scripts are applied to. */
export const GOLDEN_FILES: ReadonlyMap<string, Buffer> = new Map(
  Object.entries({
    'a.ndb': 'one\ntwo words\nthree\nfour\n',
    'b.ldb': 'x\ny\n',
    'c.hdb': 'no newline',
    'd.fp': '',
  }).map(([name, text]) => [name, Buffer.from(text)]),
);

/** A script that is fine, and the files that it changes; `undefined` for one that is gone. */
export interface ValidScript {
  readonly what: string;
  readonly script: string;
  readonly files: Readonly<Record<string, string | undefined>>;
}

/** A script that we refuse, with what ClamAV 1.4 does with it (its `refuses` may be a crash). */
export interface InvalidScript {
  readonly why: string;
  readonly script: string;
  readonly code: CvdErrorCode;
  readonly clamav: 'refuses' | 'accepts';
}

/** Scripts and files are latin1, so that `\xff` is one byte. */
export const VALID_SCRIPTS: readonly ValidScript[] = [
  { what: 'nothing at all', script: '', files: {} },
  { what: 'a comment', script: '# nothing\n#LSIZE 40000\n', files: {} },
  { what: 'a comment without newline', script: '# nothing', files: {} },
  { what: 'a file opened for nothing', script: 'OPEN a.ndb\nCLOSE\n', files: {} },
  { what: 'a missing file opened for nothing', script: 'OPEN new.ndb\nCLOSE\n', files: {} },
  { what: 'a missing file opened for a bare ADD', script: 'OPEN new.ndb\nADD\nCLOSE\n', files: {} },
  {
    what: 'a last CLOSE without newline',
    script: 'OPEN b.ldb\nADD z\nCLOSE',
    files: { 'b.ldb': 'x\ny\nz\n' },
  },
  { what: 'ADD', script: 'OPEN b.ldb\nADD z z \nADD  q\nCLOSE\n', files: { 'b.ldb': 'x\ny\nz z \n q\n' } },
  { what: 'ADD to a new file', script: 'OPEN new1.ndb\nADD z\nCLOSE\n', files: { 'new1.ndb': 'z\n' } },
  {
    what: 'ADD of empty lines',
    script: 'OPEN b.ldb\nADD \nADD\nADD \nCLOSE\n',
    files: { 'b.ldb': 'x\ny\n\n\n' },
  },
  { what: 'ADD to an empty file', script: 'OPEN d.fp\nADD z\nCLOSE\n', files: { 'd.fp': 'z\n' } },
  {
    what: 'ADD behind a last line without newline',
    script: 'OPEN c.hdb\nADD !\nCLOSE\n',
    files: { 'c.hdb': 'no newline!\n' },
  },
  {
    what: 'ADD of bytes that are not UTF-8',
    script: 'OPEN b.ldb\nADD \xff\0\r\nCLOSE\n',
    files: { 'b.ldb': 'x\ny\n\xff\0\r\n' },
  },
  {
    what: 'DEL of the first line',
    script: 'OPEN a.ndb\nDEL 1 o\nCLOSE\n',
    files: { 'a.ndb': 'two words\nthree\nfour\n' },
  },
  {
    what: 'DEL of the last line',
    script: 'OPEN a.ndb\nDEL 4 four\nCLOSE\n',
    files: { 'a.ndb': 'one\ntwo words\nthree\n' },
  },
  { what: 'DEL of every line', script: 'OPEN b.ldb\nDEL 1 x\nDEL 2 y\nCLOSE\n', files: { 'b.ldb': '' } },
  { what: 'DEL with an empty prefix', script: 'OPEN b.ldb\nDEL 2 \nCLOSE\n', files: { 'b.ldb': 'x\n' } },
  {
    what: 'DEL with more words than one',
    script: 'OPEN a.ndb\nDEL 2 two nonsense here\nCLOSE\n',
    files: { 'a.ndb': 'one\nthree\nfour\n' },
  },
  { what: 'XCHG', script: 'OPEN b.ldb\nXCHG 1 x a  b \nCLOSE\n', files: { 'b.ldb': 'a  b \ny\n' } },
  {
    what: 'XCHG with an empty prefix',
    script: 'OPEN b.ldb\nXCHG 1  z\nCLOSE\n',
    files: { 'b.ldb': 'z\ny\n' },
  },
  { what: 'XCHG for an empty line', script: 'OPEN b.ldb\nXCHG 2 y \nCLOSE\n', files: { 'b.ldb': 'x\n\n' } },
  {
    what: 'edits in any order',
    script: 'OPEN a.ndb\nDEL 4 f\nADD end\nXCHG 1 o 1\nDEL 3 t\nCLOSE\n',
    files: { 'a.ndb': '1\ntwo words\nend\n' },
  },
  {
    what: 'line numbers that mean the original file',
    script: 'OPEN a.ndb\nDEL 1 o\nDEL 2 two\nXCHG 3 th 3\nCLOSE\n',
    files: { 'a.ndb': '3\nfour\n' },
  },
  {
    what: 'a later edit of the same line',
    script: 'OPEN b.ldb\nDEL 1 x\nXCHG 1 x z\nCLOSE\n',
    files: { 'b.ldb': 'z\ny\n' },
  },
  {
    what: 'an earlier edit that would not have fitted',
    script: 'OPEN b.ldb\nDEL 1 wrong\nDEL 1 x\nCLOSE\n',
    files: { 'b.ldb': 'y\n' },
  },
  {
    what: 'a file edited twice',
    script: 'OPEN b.ldb\nDEL 1 x\nCLOSE\nOPEN b.ldb\nXCHG 1 y z\nADD !\nCLOSE\n',
    files: { 'b.ldb': 'z\n!\n' },
  },
  { what: 'UNLINK', script: 'UNLINK b.ldb\n', files: { 'b.ldb': undefined } },
  {
    what: 'a file written anew',
    script: 'UNLINK c.hdb\nOPEN c.hdb\nADD z\nCLOSE\n',
    files: { 'c.hdb': 'z\n' },
  },
  {
    what: 'MOVE',
    script: 'MOVE a.ndb b.ldb 2 two 3 thr\n',
    files: { 'a.ndb': 'one\nfour\n', 'b.ldb': 'x\ny\ntwo words\nthree\n' },
  },
  {
    what: 'MOVE of every line',
    script: 'MOVE b.ldb a.ndb 1 x 2 y\n',
    files: { 'a.ndb': 'one\ntwo words\nthree\nfour\nx\ny\n', 'b.ldb': '' },
  },
  {
    what: 'MOVE with empty prefixes',
    script: 'MOVE b.ldb d.fp 1  2 \n',
    files: { 'b.ldb': '', 'd.fp': 'x\ny\n' },
  },
  {
    what: 'MOVE behind a last line without newline',
    script: 'MOVE b.ldb c.hdb 1 x 2 y\n',
    files: { 'b.ldb': '', 'c.hdb': 'no newlinex\ny\n' },
  },
  {
    what: 'MOVE there and back',
    script: 'MOVE a.ndb b.ldb 1 one 2 two\nMOVE b.ldb a.ndb 2 y 3 one\n',
    files: { 'a.ndb': 'three\nfour\ny\none\n', 'b.ldb': 'x\ntwo words\n' },
  },
];

export const INVALID_SCRIPTS: readonly InvalidScript[] = [
  { why: 'a blank line', script: 'OPEN a.ndb\n\nCLOSE\n', code: 'cvd/script', clamav: 'refuses' },
  { why: 'a command in lower case', script: 'open a.ndb\nCLOSE\n', code: 'cvd/script', clamav: 'refuses' },
  { why: 'an unknown command', script: 'COPY a.ndb b.ldb\n', code: 'cvd/script', clamav: 'refuses' },
  { why: 'a space before a command', script: ' OPEN a.ndb\n', code: 'cvd/script', clamav: 'refuses' },
  {
    why: 'lines that end with CRLF',
    script: 'OPEN a.ndb\r\nADD z\r\nCLOSE\r\n',
    code: 'cvd/script',
    clamav: 'refuses',
  },
  { why: 'CLOSE with CRLF', script: 'OPEN a.ndb\nADD z\nCLOSE\r\n', code: 'cvd/script', clamav: 'refuses' },
  {
    why: 'OPEN while another file is open',
    script: 'OPEN a.ndb\nOPEN b.ldb\nCLOSE\n',
    code: 'cvd/script',
    clamav: 'refuses',
  },
  { why: 'OPEN that is never closed', script: 'OPEN a.ndb\nADD z\n', code: 'cvd/script', clamav: 'accepts' },
  { why: 'OPEN without a name', script: 'OPEN\n', code: 'cvd/script', clamav: 'refuses' },
  { why: 'OPEN with an empty name', script: 'OPEN \nADD z\nCLOSE\n', code: 'cvd/script', clamav: 'refuses' },
  { why: 'OPEN with two names', script: 'OPEN a.ndb b.ldb\nCLOSE\n', code: 'cvd/script', clamav: 'refuses' },
  { why: 'a path', script: 'OPEN ./a.ndb\nCLOSE\n', code: 'cvd/script', clamav: 'refuses' },
  { why: 'an absolute path', script: 'OPEN /a.ndb\nCLOSE\n', code: 'cvd/script', clamav: 'refuses' },
  { why: 'the folder above', script: 'OPEN ..\nCLOSE\n', code: 'cvd/script', clamav: 'accepts' },
  { why: 'two dots in a name', script: 'OPEN a..ndb\nADD z\nCLOSE\n', code: 'cvd/script', clamav: 'accepts' },
  { why: 'a hidden file', script: 'OPEN .a\nADD z\nCLOSE\n', code: 'cvd/script', clamav: 'accepts' },
  {
    why: 'a letter beyond ASCII in a name',
    script: 'OPEN \xc3\xa9.ndb\nADD z\nCLOSE\n',
    code: 'cvd/script',
    clamav: 'accepts',
  },
  {
    why: 'a name too long for a tar',
    script: `OPEN ${'a'.repeat(100)}\nADD z\nCLOSE\n`,
    code: 'cvd/script',
    clamav: 'accepts',
  },
  { why: 'ADD without OPEN', script: 'ADD z\n', code: 'cvd/script', clamav: 'refuses' },
  { why: 'a bare ADD without OPEN', script: 'ADD\n', code: 'cvd/script', clamav: 'refuses' },
  { why: 'DEL without OPEN', script: 'DEL 1 o\n', code: 'cvd/script', clamav: 'refuses' },
  { why: 'XCHG without OPEN', script: 'XCHG 1 o z\n', code: 'cvd/script', clamav: 'refuses' },
  { why: 'CLOSE without OPEN', script: 'CLOSE\n', code: 'cvd/script', clamav: 'refuses' },
  {
    why: 'CLOSE with a name',
    script: 'OPEN a.ndb\nADD z\nCLOSE a.ndb\n',
    code: 'cvd/script',
    clamav: 'accepts',
  },
  {
    why: 'a script that ends inside ADD',
    script: 'OPEN a.ndb\nADD z',
    code: 'cvd/script',
    clamav: 'accepts',
  },
  { why: 'a script that ends inside UNLINK', script: 'UNLINK a.ndb', code: 'cvd/script', clamav: 'refuses' },
  { why: 'DEL without arguments', script: 'OPEN a.ndb\nDEL\nCLOSE\n', code: 'cvd/script', clamav: 'refuses' },
  {
    why: 'DEL without a prefix',
    script: 'OPEN a.ndb\nDEL 1\nCLOSE\n',
    code: 'cvd/script',
    clamav: 'refuses',
  },
  { why: 'DEL of line 0', script: 'OPEN a.ndb\nDEL 0 o\nCLOSE\n', code: 'cvd/script', clamav: 'refuses' },
  { why: 'DEL of line -1', script: 'OPEN a.ndb\nDEL -1 o\nCLOSE\n', code: 'cvd/script', clamav: 'refuses' },
  { why: 'DEL of line +1', script: 'OPEN a.ndb\nDEL +1 o\nCLOSE\n', code: 'cvd/script', clamav: 'accepts' },
  { why: 'DEL of line 01', script: 'OPEN a.ndb\nDEL 01 o\nCLOSE\n', code: 'cvd/script', clamav: 'accepts' },
  { why: 'DEL of line 0x1', script: 'OPEN a.ndb\nDEL 0x1 o\nCLOSE\n', code: 'cvd/script', clamav: 'refuses' },
  {
    why: 'a line number beyond all files',
    script: 'OPEN a.ndb\nDEL 99999999999 o\nCLOSE\n',
    code: 'cvd/script',
    clamav: 'refuses',
  },
  {
    why: 'two spaces before a line number',
    script: 'OPEN a.ndb\nDEL  1 o\nCLOSE\n',
    code: 'cvd/script',
    clamav: 'refuses',
  },
  {
    why: 'XCHG without a new line',
    script: 'OPEN a.ndb\nXCHG 1 o\nCLOSE\n',
    code: 'cvd/script',
    clamav: 'refuses',
  },
  {
    why: 'UNLINK while a file is open',
    script: 'OPEN a.ndb\nUNLINK b.ldb\nCLOSE\n',
    code: 'cvd/script',
    clamav: 'refuses',
  },
  { why: 'UNLINK without a name', script: 'UNLINK\n', code: 'cvd/script', clamav: 'refuses' },
  { why: 'UNLINK of a path', script: 'UNLINK ../a.ndb\n', code: 'cvd/script', clamav: 'refuses' },
  { why: 'UNLINK of two files', script: 'UNLINK a.ndb b.ldb\n', code: 'cvd/script', clamav: 'accepts' },
  {
    why: 'MOVE while a file is open',
    script: 'OPEN d.fp\nMOVE a.ndb b.ldb 1 o 2 t\nCLOSE\n',
    code: 'cvd/script',
    clamav: 'refuses',
  },
  {
    why: 'MOVE of one line',
    script: 'MOVE a.ndb b.ldb 2 two 2 two\n',
    code: 'cvd/script',
    clamav: 'refuses',
  },
  {
    why: 'MOVE backwards',
    script: 'MOVE a.ndb b.ldb 3 three 2 two\n',
    code: 'cvd/script',
    clamav: 'refuses',
  },
  { why: 'MOVE of line 0', script: 'MOVE a.ndb b.ldb 0 o 2 two\n', code: 'cvd/script', clamav: 'refuses' },
  {
    why: 'MOVE without the last prefix',
    script: 'MOVE a.ndb b.ldb 1 one 2\n',
    code: 'cvd/script',
    clamav: 'refuses',
  },
  {
    why: 'MOVE with more than it needs',
    script: 'MOVE a.ndb b.ldb 1 one 2 two 3\n',
    code: 'cvd/script',
    clamav: 'accepts',
  },
  {
    why: 'MOVE from a file to itself',
    script: 'MOVE a.ndb a.ndb 1 one 2 two\n',
    code: 'cvd/script',
    clamav: 'accepts',
  },
  {
    why: 'MOVE from a path',
    script: 'MOVE ./a.ndb b.ldb 1 one 2 two\n',
    code: 'cvd/script',
    clamav: 'accepts',
  },
  {
    why: 'MOVE to a path',
    script: 'MOVE a.ndb ./b.ldb 1 one 2 two\n',
    code: 'cvd/script',
    clamav: 'accepts',
  },
  {
    why: 'a DEL whose prefix differs',
    script: 'OPEN a.ndb\nDEL 1 two\nCLOSE\n',
    code: 'cvd/patch',
    clamav: 'refuses',
  },
  {
    why: 'a DEL whose prefix is longer than the line',
    script: 'OPEN a.ndb\nDEL 1 oneone\nCLOSE\n',
    code: 'cvd/patch',
    clamav: 'refuses',
  },
  {
    why: 'a XCHG whose prefix differs',
    script: 'OPEN a.ndb\nXCHG 1 One z\nCLOSE\n',
    code: 'cvd/patch',
    clamav: 'refuses',
  },
  {
    why: 'a later edit of the same line that does not fit',
    script: 'OPEN b.ldb\nDEL 1 x\nDEL 1 y\nCLOSE\n',
    code: 'cvd/patch',
    clamav: 'refuses',
  },
  { why: 'a DEL past the end', script: 'OPEN a.ndb\nDEL 5 \nCLOSE\n', code: 'cvd/patch', clamav: 'refuses' },
  {
    why: 'a DEL of a line that the same script adds',
    script: 'OPEN a.ndb\nADD five\nDEL 5 five\nCLOSE\n',
    code: 'cvd/patch',
    clamav: 'refuses',
  },
  {
    why: 'an edit of an empty file',
    script: 'OPEN d.fp\nDEL 1 \nCLOSE\n',
    code: 'cvd/patch',
    clamav: 'refuses',
  },
  {
    why: 'an edit of a file without final newline',
    script: 'OPEN c.hdb\nXCHG 1 no yes\nCLOSE\n',
    code: 'cvd/patch',
    clamav: 'refuses',
  },
  {
    why: 'an edit of a missing file',
    script: 'OPEN new.ndb\nDEL 1 \nCLOSE\n',
    code: 'cvd/patch',
    clamav: 'refuses',
  },
  {
    why: 'an edit of a file that is gone',
    script: 'UNLINK a.ndb\nOPEN a.ndb\nDEL 1 o\nCLOSE\n',
    code: 'cvd/patch',
    clamav: 'refuses',
  },
  { why: 'UNLINK of a missing file', script: 'UNLINK new.ndb\n', code: 'cvd/patch', clamav: 'refuses' },
  {
    why: 'UNLINK of a file that was never made',
    script: 'OPEN new.ndb\nCLOSE\nUNLINK new.ndb\n',
    code: 'cvd/patch',
    clamav: 'refuses',
  },
  {
    why: 'MOVE from a missing file',
    script: 'MOVE new.ndb a.ndb 1 o 2 t\n',
    code: 'cvd/patch',
    clamav: 'refuses',
  },
  {
    why: 'MOVE to a missing file',
    script: 'MOVE a.ndb new.ndb 1 one 2 two\n',
    code: 'cvd/patch',
    clamav: 'refuses',
  },
  {
    why: 'MOVE whose first line differs',
    script: 'MOVE a.ndb b.ldb 1 two 2 two\n',
    code: 'cvd/patch',
    clamav: 'refuses',
  },
  {
    why: 'MOVE whose last line differs',
    script: 'MOVE a.ndb b.ldb 1 one 2 one\n',
    code: 'cvd/patch',
    clamav: 'refuses',
  },
  { why: 'MOVE past the end', script: 'MOVE a.ndb b.ldb 4 four 5 \n', code: 'cvd/patch', clamav: 'refuses' },
];
