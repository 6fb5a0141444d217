import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CvdError } from '../../scripts/cvd/error.ts';
import { encodeInfo, infoDigest, parseInfo } from '../../scripts/cvd/info.ts';
import { anyDamage, anyFiles, damaged } from '../support/databases/generate.ts';
import { makeInfo } from '../support/databases/signing.ts';
import { withCode } from '../support/throws.ts';

const INFO = makeInfo({
  database: 'test',
  version: 3,
  files: new Map([
    ['test.ndb', Buffer.from('a\n')],
    ['3986187.cbc', Buffer.alloc(0)],
  ]),
});
const TEXT = Buffer.from(encodeInfo(INFO)).toString('latin1');
const LINES = TEXT.split('\n');
const [HEADER = '', NDB = '', CBC = '', DSIG = ''] = LINES;

describe('an .info', () => {
  test('is read and written', () => {
    expect(NDB).toMatch(/^test\.ndb:2:[0-9a-f]{64}$/);
    expect(CBC).toMatch(/^3986187\.cbc:0:e3b0c442[0-9a-f]{56}$/);
    expect(parseInfo(Buffer.from(TEXT))).toEqual(INFO);
  });

  test('may list no files', () => {
    expect(parseInfo(Buffer.from(`${HEADER}\n${DSIG}\n`)).files).toEqual([]);
  });

  test('is signed up to the line of the signature', () => {
    const signed = TEXT.slice(0, TEXT.indexOf('DSIG:'));
    expect(Buffer.from(infoDigest(INFO))).toEqual(createHash('sha256').update(signed).digest());
  });

  test('of any files comes back as it was', () => {
    fc.assert(
      fc.property(anyFiles, (files) => {
        const info = makeInfo({ database: 'test', version: 1, files });
        expect(parseInfo(encodeInfo(info))).toEqual(info);
      }),
      { numRuns: 30 },
    );
  });

  test.each<[string, string, ('cvd/info' | 'cvd/header')?]>([
    ['nothing in it', ''],
    ['only one line', `${HEADER}\n`],
    ['no final newline', TEXT.slice(0, -1)],
    ['a blank line at its end', `${TEXT}\n`],
    ['a blank line', TEXT.replace('\n', '\n\n')],
    ['lines that end with CRLF', TEXT.replaceAll('\n', '\r\n'), 'cvd/header'],
    ['no header', `${NDB}\n${DSIG}\n`, 'cvd/header'],
    ['a padded header', TEXT.replace('\n', ' \n'), 'cvd/header'],
    ['a sealed header', TEXT.replace(':X:X:', `:${'0'.repeat(32)}:${'a'.repeat(171)}:`)],
    ['no signature', `${HEADER}\n${NDB}\n`],
    ['a signature before the last line', `${HEADER}\n${DSIG}\n${NDB}\n`],
    ['two signatures', `${TEXT}${DSIG}\n`],
    ['a short signature', `${HEADER}\nDSIG:abc\n`],
    ['a signature with another character', TEXT.replace('DSIG:', 'DSIG:=')],
    ['a file listed twice', TEXT.replace('DSIG', `${NDB}\nDSIG`)],
    ['a path', TEXT.replace('test.ndb', 'a/test.ndb')],
    ['the folder above', TEXT.replace('test.ndb', '..')],
    ['a hidden file', TEXT.replace('test.ndb', '.ndb')],
    ['a name with a space', TEXT.replace('test.ndb', 'te st.ndb')],
    ['a name with a byte beyond ASCII', TEXT.replace('test.ndb', 't\xe9st.ndb')],
    ['a file without a name', TEXT.replace('test.ndb', '')],
    ['a name too long for a tar', TEXT.replace('test.ndb', 'a'.repeat(100))],
    ['a size with leading zeros', TEXT.replace('ndb:2:', 'ndb:02:')],
    ['a negative size', TEXT.replace('ndb:2:', 'ndb:-2:')],
    ['no size', TEXT.replace('ndb:2:', 'ndb::')],
    ['an enormous size', TEXT.replace('ndb:2:', 'ndb:123456789012:')],
    ['a hash in capitals', TEXT.replace('e3b0c442', 'E3B0C442')],
    ['a short hash', TEXT.replace('e3b0c442', 'e3b0c44')],
    ['an MD5 for a hash', `${HEADER}\ntest.ndb:2:${'0'.repeat(32)}\n${DSIG}\n`],
    ['a fourth field', TEXT.replace('ndb:2:', 'ndb:2:2:')],
  ])('with %s is refused', (_, text, code = 'cvd/info') => {
    expect(() => parseInfo(Buffer.from(text, 'latin1'))).toThrow(withCode(code));
  });

  test('that is damaged is refused, or is another one that is written as it was read', () => {
    fc.assert(
      fc.property(anyDamage, (damage) => {
        const bytes = damaged(Buffer.from(TEXT), damage);
        try {
          expect(Buffer.from(encodeInfo(parseInfo(bytes)))).toEqual(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(CvdError);
        }
      }),
      { numRuns: 1000 },
    );
  });
});
