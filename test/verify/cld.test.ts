import { describe, expect, test } from 'vitest';
import {
  COPYING_BYTES,
  INFO_BYTES,
  LEFTOVER_BYTES,
  LEFTOVER_FILES,
} from '../../scripts/base/limits/databases.ts';
import { CldVerifier } from '../../scripts/verify/cld.ts';
import type { Expected } from '../../scripts/verify/cvd.ts';
import { type CvdParts, makeCld, makeCvd, makeInfo, testTrust } from '../support/databases/signing.ts';

const bytes = (text: string) => Buffer.from(text);
const PARTS: CvdParts = {
  database: 'test',
  version: 7,
  files: new Map([
    ['test.hdb', bytes('44d88612fea8a8f36de82e1278abb02f:68:Eicar-Test-Signature\n')],
    ['test.ndb', bytes('Some.Thing:0:*:deadbeef\n')],
  ]),
};
/** What freshclam 1.5 leaves when it has applied two CDIFFs, and was told 403 for the `.sign` of one. */
const LEFTOVERS = new Map([
  ['test-6.cdiff', bytes('ClamAV-Diff:6:…')],
  ['test-6.cdiff.sign', bytes('#clamsign-1.0\n')],
  ['test-7.cdiff', bytes('ClamAV-Diff:7:…')],
  ['freshclam.dat', bytes('notes of an earlier run')],
]);

function verified(cld: Uint8Array, expected: Expected = { database: 'test' }) {
  const verifier = new CldVerifier(testTrust(), expected);
  verifier.write(cld);
  return verifier.end();
}

const refused = (code: string) => expect.objectContaining({ code });
const plus = (...more: [name: string, content: Uint8Array][]) => makeCld(PARTS, new Map(more));

describe('a CLD is proven', () => {
  test('as freshclam before 1.5 builds it', () => {
    const { database, header, leftovers } = verified(makeCld(PARTS));
    expect([database, header.version, leftovers]).toEqual(['test', 7, 0]);
  });

  test('as freshclam 1.5 and later build it, with the CDIFFs that led there', () => {
    expect(verified(makeCld(PARTS, LEFTOVERS))).toMatchObject({ header: { version: 7 }, leftovers: 4 });
  });

  test('whatever its COPYING says', () => {
    expect(verified(plus(['COPYING', bytes('another licence')])).leftovers).toBe(0);
  });

  test('after years of daily updates, though not without end', () => {
    const left = (count: number) =>
      new Map(Array.from({ length: count }, (_, at) => [`test-${at + 1}.cdiff`, bytes('')] as const));
    expect(verified(makeCld(PARTS, left(LEFTOVER_FILES))).leftovers).toBe(LEFTOVER_FILES);
    expect(() => verified(makeCld(PARTS, left(LEFTOVER_FILES + 1)))).toThrow(refused('verify/format'));
  });
});

describe('a CLD is refused', () => {
  test.each([
    ['a file that .info does not list', 'more.ldb'],
    ['the same in capitals', 'MORE.IGN2'],
    ['a hidden one', '.fp'],
    ['a rule', 'more.yara'],
  ])('with %s, if ClamAV loads it', (_, name) => {
    expect(() => verified(plus([name, bytes('x')]))).toThrow(refused('verify/mismatch'));
    expect(verified(plus([`${name}.sign`, bytes('x')])).leftovers).toBe(1);
  });

  test('with another content of a listed file, or without it', () => {
    expect(() => verified(plus(['test.ndb', bytes('Other.Thing:0:*:deadbeef\n')]))).toThrow(
      refused('verify/mismatch'),
    );
    const cld = makeCld(PARTS);
    expect(() => verified(cld.subarray(0, cld.length - 1024))).toThrow(refused('verify/mismatch'));
  });

  test.each(['other.info', 'TEST.INFO', '.info'])('with a second .info, called %s', (name) => {
    expect(() => verified(plus([name, bytes('x')]))).toThrow(refused('verify/mismatch'));
    expect(() => verified(plus([name, bytes('x')]), {})).toThrow(refused('verify/mismatch'));
  });

  test('of another database or version', () => {
    const cld = makeCld(PARTS);
    expect(() => verified(cld, { database: 'daily' })).toThrow(refused('verify/wrong-database'));
    expect(() => verified(cld, { database: 'test', version: 6 })).toThrow(refused('verify/wrong-version'));
    expect(verified(cld, { version: 7 }).database).toBe('test');
  });

  test('with a header that .info does not sign', () => {
    const cld = makeCld({ ...PARTS, header: { signatures: 8 } });
    const text = cld.toString('latin1').replace(':7:8:', ':7:9:');
    expect(() => verified(Buffer.from(text, 'latin1'))).toThrow(refused('verify/mismatch'));
  });

  test('if it is a CVD', () => {
    expect(() => verified(makeCvd(PARTS))).toThrow(refused('verify/format'));
  });

  test.each([
    ['COPYING', COPYING_BYTES],
    ['test.info', INFO_BYTES],
    ['test-7.cdiff', LEFTOVER_BYTES],
  ])('with more of %s than %d bytes, as soon as that is said', (name, limit) => {
    const verifier = new CldVerifier(testTrust(), { database: 'test' });
    verifier.header(makeInfo(PARTS).header);
    verifier.entry({ name, size: limit });
    const other = new CldVerifier(testTrust(), { database: 'test' });
    expect(() => other.entry({ name, size: limit + 1 })).toThrow(refused('verify/format'));
  });

  test('with more files than any database has', () => {
    const many = new Map(Array.from({ length: 600 }, (_, at) => [`${at}.cbc`, bytes('x')] as const));
    expect(() => verified(makeCld({ ...PARTS, files: many }))).toThrow(refused('verify/format'));
  });
});
