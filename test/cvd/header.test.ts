import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CvdError } from '../../scripts/cvd/error.ts';
import {
  type CvdHeader,
  encodeHeader,
  encodeHeaderLine,
  HEADER_SIZE,
  parseHeader,
  parseHeaderLine,
  unseal,
} from '../../scripts/cvd/header.ts';
import { anyDamage, damaged } from '../support/databases/generate.ts';
import { makeHeader } from '../support/databases/signing.ts';
import { withCode } from '../support/throws.ts';

const HEADER: CvdHeader = {
  time: '22 Jun 2021 21-34 -0400',
  version: 6,
  signatures: 14,
  fLevel: 81,
  md5: '3e249e00076b0b15bb54ced37be880c7',
  dsig: 'Dou6+/'.repeat(28),
  builder: 'mirror-test',
  stime: 1624412045,
};
const LINE = encodeHeaderLine(HEADER);
const padded = (line: string, length = HEADER_SIZE) => Buffer.from(line.padEnd(length), 'latin1');

describe('a header', () => {
  test('is read and written', () => {
    expect(LINE).toMatch(
      /^ClamAV-VDB:22 Jun 2021 21-34 -0400:6:14:81:3e24[0-9a-f]{28}:[^:]{168}:mirror-test:1624412045$/,
    );
    expect(parseHeader(padded(LINE))).toEqual(HEADER);
    expect(Buffer.from(encodeHeader(HEADER))).toEqual(padded(LINE));
  });

  test('may be unsealed, as in .info and in a CLD', () => {
    const line = encodeHeaderLine(unseal(HEADER));
    expect(line).toBe('ClamAV-VDB:22 Jun 2021 21-34 -0400:6:14:81:X:X:mirror-test:1624412045');
    expect(parseHeaderLine(line)).toEqual({ ...HEADER, md5: 'X', dsig: 'X' });
  });

  test('of any version comes back as it was', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 99_999 }), (version) => {
        const header = makeHeader('daily', version);
        expect(parseHeader(encodeHeader(header))).toEqual(header);
      }),
    );
  });

  test.each([
    ['another first field', LINE.replace('ClamAV-VDB', 'ClamAV-CLD')],
    ['an HTML page', '<!DOCTYPE html><html><head><title>Just a moment...</title>'],
    ['nothing but spaces', ''],
    ['eight fields', LINE.slice(0, LINE.lastIndexOf(':'))],
    ['ten fields', `${LINE}:1`],
    ['a control byte', LINE.replace('mirror', 'mir\tor')],
    ['a byte beyond ASCII', LINE.replace('mirror', 'mirr\xf6r')],
    ['a zero byte behind it', `${LINE}\0`],
    ['a colon in the time', LINE.replace('21-34', '21:34')],
    ['a time that is not the stime', LINE.replace('21-34', '21-35')],
    ['a time in another zone', LINE.replace('-0400', '+0400')],
    ['a day that does not exist', LINE.replace('22 Jun', '42 Jun')],
    ['a version with leading zeros', LINE.replace(':6:', ':06:')],
    ['a negative version', LINE.replace(':6:', ':-6:')],
    ['a version with a fraction', LINE.replace(':6:', ':6.0:')],
    ['no version', LINE.replace(':6:', '::')],
    ['a version that no number holds', LINE.replace(':6:', ':1234567890123456:')],
    ['no signature count', LINE.replace(':14:', '::')],
    ['no f-level', LINE.replace(':81:', '::')],
    ['an MD5 in capitals', LINE.replace('3e249e', '3E249E')],
    ['a short MD5', LINE.replace('3e249e', '3e249')],
    ['a signature without MD5', LINE.replace(HEADER.md5, 'X')],
    ['an MD5 without signature', LINE.replace(HEADER.dsig, 'X')],
    ['a short signature', LINE.replace(HEADER.dsig, 'abc')],
    ['a signature with another character', LINE.replace('Dou6', 'Dou=')],
    ['no builder', LINE.replace(':mirror-test:', '::')],
    ['a builder with a space', LINE.replace('mirror-test', 'mirror test')],
    ['no stime', LINE.replace('1624412045', '')],
  ])('with %s is refused', (_, line) => {
    expect(() => parseHeader(padded(line))).toThrow(withCode('cvd/header'));
  });

  test.each([0, 511, 513])('of %i bytes is refused', (length) => {
    expect(() => parseHeader(padded(LINE, 600).subarray(0, length))).toThrow(withCode('cvd/header'));
  });

  test('that does not fit is not written', () => {
    expect(() => encodeHeader({ ...HEADER, builder: 'x'.repeat(300) })).toThrow(withCode('cvd/header'));
  });

  test('that is damaged is refused, or is another one that is written as it was read', () => {
    fc.assert(
      fc.property(anyDamage, (damage) => {
        const bytes = damaged(encodeHeader(HEADER), damage);
        try {
          expect(Buffer.from(encodeHeader(parseHeader(bytes)))).toEqual(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(CvdError);
        }
      }),
      { numRuns: 1000 },
    );
  });
});
