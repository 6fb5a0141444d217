import { describe, expect, test } from 'vitest';
import { isLoaded } from '../../scripts/cvd/database-extensions.ts';
import { nameInPrefix, printableName, signatureName } from '../../scripts/cvd/signature-name.ts';
import { EXTENSIONS } from './plain.ts';

const MD5 = '0123456789abcdef0123456789abcdef';

/** A line of each kind, and the name of the signature in it. */
const LINES: readonly (readonly [string, string, string | undefined])[] = [
  ['hdb', `${MD5}:68:Win.Test-1`, 'Win.Test-1'],
  ['hsb', `${MD5}${MD5}:68:Win.Test-2:73`, 'Win.Test-2'],
  ['hdu', `${MD5}:*:Win.Test-3:73`, 'Win.Test-3'],
  ['mdb', `1024:${MD5}:Win.Test-4`, 'Win.Test-4'],
  ['imp', `${MD5}:*:Win.Test-5:90`, 'Win.Test-5'],
  ['fp', `${MD5}:68:sid1-1`, 'sid1-1'],
  ['ndb', 'Win.Test-6:0:*:00ff', 'Win.Test-6'],
  ['ndu', 'PUA.Test-7:0:*:00ff:51:255', 'PUA.Test-7'],
  ['sdb', 'Win.Test-8:0:*:00ff', 'Win.Test-8'],
  ['ldb', 'Win.Test-9;Engine:51-255,Target:1;0;00ff', 'Win.Test-9'],
  ['ldb', '# a comment; not a signature', undefined],
  ['cdb', 'Win.Test-10:CL_TYPE_ZIP:*:x:*:*:*:*:*:*', 'Win.Test-10'],
  ['crb', 'Cert.Test-11;1;00;00;00;010001;1;0;0;0', 'Cert.Test-11'],
  ['idb', 'Icon.Test-12:G1:G2:00ff', 'Icon.Test-12'],
  ['zmd', 'Zip.Test-13:1:x:*:*:*:*:*:*', 'Zip.Test-13'],
  ['rmd', 'Rar.Test-14:1:x:*:*:*:*:*:*', 'Rar.Test-14'],
  ['db', 'Win.Test-15 (Clam)=00ff', 'Win.Test-15 (Clam)'],
  ['ign', 'daily.ndb:7:Win.Test-16', 'Win.Test-16'],
  ['ign2', 'Win.Test-17', 'Win.Test-17'],
  ['ign2', `Win.Test-18:${MD5}`, 'Win.Test-18'],
  ['ftm', '0:0:4d5a:MS-EXE:CL_TYPE_ANY:CL_TYPE_MSEXE', 'MS-EXE'],
  ['pwdb', 'Zip.Password-1;Engine:81-255;0;infected', 'Zip.Password-1'],
  ['pdb', 'H:example.com', 'H:example.com'],
  ['wdb', 'X:.+\\.example\\.com:.+\\.example\\.org', 'X:.+\\.example\\.com:.+\\.example\\.org'],
  ['gdb', `S1:P:${MD5}`, `S1:P:${MD5}`],
  ['cfg', 'DOCUMENT:0x5:11:13', 'DOCUMENT:0x5:11:13'],
  ['yar', 'private rule Test_19 : tag {', 'Test_19'],
  ['yara', '  strings: $a = "x"', undefined],
  ['ndb', '', undefined],
  ['hdb', 'neither hash nor name', 'neither hash nor name'],
];

describe('a line of a database', () => {
  test.each(LINES)('of .%s has its name: %s', (extension, line, name) => {
    expect(signatureName(`daily.${extension}`, Buffer.from(line))).toBe(name);
  });

  test.each(['cbc', 'cat', 'ioc'])('of .%s has the name of its file', (extension) => {
    expect(signatureName(`1.${extension}`, Buffer.from('anything'))).toBe(`1.${extension}`);
  });

  test('is known for every file that ClamAV loads', () => {
    expect(EXTENSIONS.filter((extension) => !isLoaded(`daily.${extension}`))).toEqual([]);
  });

  test('ends like one of Windows without changing its name', () => {
    expect(signatureName('daily.ign2', Buffer.from('Win.Test-1\r'))).toBe('Win.Test-1');
  });
});

describe('the beginning of a line, which a CDIFF quotes', () => {
  test.each([
    ['ndb', 'Win.Test-1:0:*:0', 'Win.Test-1'],
    ['ndb', 'Win.Trojan.Agent', undefined],
    ['ldb', 'Win.Test-1;Engin', 'Win.Test-1'],
    ['hdb', '0123456789abcdef', undefined],
    ['ign2', 'Win.Test-1:01234', undefined],
    ['pdb', 'H:example.com', undefined],
    ['cbc', '', '1.cbc'],
  ])('of .%s, %s, tells %s', (extension, prefix, name) => {
    expect(nameInPrefix(`1.${extension}`, Buffer.from(prefix))).toBe(name);
  });
});

describe('a hostile name', () => {
  test.each([
    ['\x1b]0;title\x07Win', '\\x1b]0;title\\x07Win'],
    ['a\0b\nc', 'a\\x00b\\x0ac'],
    ['Wín', 'W\\xc3\\xadn'],
    ['a\\x41', 'a\\x5cx41'],
    ['<script>', '<script>'],
  ])('%j is told as %s', (name, told) => {
    expect(printableName(Buffer.from(name))).toBe(told);
  });

  test('of a megabyte is cut', () => {
    const name = printableName(Buffer.from('\x1b'.repeat(1_000_000)));
    expect(name).toHaveLength(200);
    expect(name).toMatch(/^[ -~]+\.\.\.$/);
  });
});
