import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { codeOf } from '../../scripts/base/errors.ts';
import { parseCertificate } from '../../scripts/verify/cms/certificate.ts';
import { DerReader, readSequence, TAG } from '../../scripts/verify/cms/der.ts';
import { parseSignedData } from '../../scripts/verify/cms/signed-data.ts';
import { encodeDer } from '../support/sign/der.ts';

const reader = (hex: string) => new DerReader(Buffer.from(hex.replaceAll(' ', ''), 'hex'), 'a test');
const time = (tag: number, text: string) => new DerReader(encodeDer(tag, Buffer.from(text)), 'a test').time();
const codeFor = (action: () => unknown): string | undefined => {
  try {
    action();
    return undefined;
  } catch (error) {
    return codeOf(error) ?? String(error);
  }
};

describe('the DER reader', () => {
  test('reads elements in their order', () => {
    const elements = reader('02 01 05 05 00');
    expect(elements.smallInteger()).toBe(5);
    expect(elements.maybe(TAG.oid)).toBeUndefined();
    expect(elements.take(TAG.null).content).toHaveLength(0);
    expect(elements.more).toBe(false);
    elements.end();
  });

  test.each([0, 127, 128, 255, 256, 65535])('reads a length of %i', (length) => {
    const content = Buffer.alloc(length, 1);
    const { content: found, encoded } = new DerReader(encodeDer(0x04, content), 'a test').take(
      TAG.octetString,
    );
    expect(found.equals(content)).toBe(true);
    expect(encoded.equals(encodeDer(0x04, content))).toBe(true);
  });

  test('reads object identifiers', () => {
    expect(reader('06 09 2a864886f70d010702').oid()).toBe('1.2.840.113549.1.7.2');
    expect(reader('06 03 550403').oid()).toBe('2.5.4.3');
    expect(reader('06 03 883703').oid()).toBe('2.999.3');
    expect(reader('06 01 27').oid()).toBe('0.39');
  });

  test('reads both kinds of time', () => {
    expect(time(TAG.utcTime, '250326175633Z')).toEqual(new Date('2025-03-26T17:56:33Z'));
    expect(time(TAG.utcTime, '500101000000Z')).toEqual(new Date('1950-01-01T00:00:00Z'));
    expect(time(TAG.generalizedTime, '20990124184525Z')).toEqual(new Date('2099-01-24T18:45:25Z'));
  });

  test('reads bits, integers and flags', () => {
    expect(reader('03 02 0780').bits()).toEqual({ bytes: Buffer.from([0x80]), unused: 7 });
    expect(reader('03 01 00').bits()).toEqual({ bytes: Buffer.alloc(0), unused: 0 });
    expect(reader('02 02 00ff').integer()).toEqual(Buffer.from([0, 0xff]));
    expect(reader('01 01 ff').flag()).toBe(true);
    expect(reader('01 01 00').flag()).toBe(false);
    expect(reader('05 00').flag()).toBe(false);
  });

  test.each<[string, () => unknown]>([
    ['an element of another tag', () => reader('04 00').take(TAG.null)],
    ['nothing where an element belongs', () => reader('').take(TAG.null)],
    ['an element behind the last', () => reader('05 00').end()],
    ['a byte behind a SEQUENCE', () => readSequence(Buffer.from('300000', 'hex'), 'a test')],
    ['a tag without a length', () => reader('05').take(TAG.null)],
    ['an element that is cut off', () => reader('04 02 00').take(TAG.octetString)],
    ['a length that is cut off', () => reader('04 82 01').take(TAG.octetString)],
    ['an indefinite length', () => reader('04 80 0000').take(TAG.octetString)],
    ['a long length below 128', () => reader('04 81 01 00').take(TAG.octetString)],
    ['a length with a zero before it', () => reader(`04 82 0080 ${'00'.repeat(128)}`).take(TAG.octetString)],
    ['a length of four bytes', () => reader('04 84 00000001 00').take(TAG.octetString)],
    ['an empty INTEGER', () => reader('02 00').integer()],
    ['an INTEGER with a zero before it', () => reader('02 02 0001').integer()],
    ['an INTEGER with a one before it', () => reader('02 02 ff80').integer()],
    ['a negative version', () => reader('02 01 ff').smallInteger()],
    ['a version of two bytes', () => reader('02 02 0100').smallInteger()],
    ['an empty object identifier', () => reader('06 00').oid()],
    ['an object identifier that is cut off', () => reader('06 02 2a86').oid()],
    [
      'an object identifier without end',
      () => new DerReader(encodeDer(0x06, Buffer.alloc(60_000, 0xff)), 'a test').oid(),
    ],
    ['an object identifier that is padded', () => reader('06 03 2a8001').oid()],
    ['a flag that is neither', () => reader('01 01 01').flag()],
    ['a flag of two bytes', () => reader('01 02 ffff').flag()],
    ['a BIT STRING of nothing', () => reader('03 00').bits()],
    ['a BIT STRING that lacks 8 bits', () => reader('03 02 0800').bits()],
    ['a BIT STRING that lacks bits of no byte', () => reader('03 01 01').bits()],
    ['a BIT STRING with something in its unused bits', () => reader('03 02 0781').bits()],
    ['a time with a fraction', () => time(TAG.generalizedTime, '20250101000000.5Z')],
    ['a time of another zone', () => time(TAG.utcTime, '250326175633+0000')],
    ['a time without seconds', () => time(TAG.utcTime, '2503261756Z')],
    ['the 30th of February', () => time(TAG.utcTime, '250230000000Z')],
    ['the 25th hour', () => time(TAG.utcTime, '250326240000Z')],
    ['a time in words', () => time(TAG.utcTime, 'yesterday')],
  ])('refuses %s', (_, action) => {
    expect(codeFor(action)).toBe('verify/sign-format');
  });
});

describe('the parsers above it', () => {
  test('throw nothing but our errors at any bytes', () => {
    const nested = fc.letrec<{ element: Buffer }>((tie) => ({
      element: fc.oneof(
        { maxDepth: 6 },
        fc
          .tuple(fc.constantFrom(...Object.values(TAG), 0xa0), fc.uint8Array({ maxLength: 8 }))
          .map(([tag, content]) => encodeDer(tag, content)),
        fc
          .tuple(fc.constantFrom(0x30, 0x31, 0xa0), fc.array(tie('element'), { maxLength: 6 }))
          .map(([tag, parts]) => encodeDer(tag, ...parts)),
      ),
    })).element;
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), nested), (bytes) => {
        expect(codeFor(() => parseSignedData(bytes))).toBe('verify/sign-format');
        expect(codeFor(() => parseCertificate(bytes))).toBe('verify/sign-format');
      }),
      { numRuns: 2000 },
    );
  });

  // Each OCTET STRING holds the head of a SEQUENCE that claims all that follows. A reader that tries its content as
  // elements doubles its work with each: @sigstore/core 4.0.1 needs 6 s for 20 of them, and these are 200: it would not come to an end.
  test('look into no OCTET STRING of their own accord', () => {
    let bomb = Buffer.alloc(0);
    for (let count = 0; count < 200; count++) {
      bomb = Buffer.concat([
        encodeDer(0x04, encodeDer(0x30, bomb).subarray(0, bomb.length < 128 ? 2 : 4)),
        bomb,
      ]);
    }
    const oid = encodeDer(0x06, Buffer.from('2a864886f70d010702', 'hex'));
    expect(codeFor(() => parseSignedData(encodeDer(0x30, oid, encodeDer(0xa0, encodeDer(0x30, bomb)))))).toBe(
      'verify/sign-format',
    );
    expect(codeFor(() => parseCertificate(encodeDer(0x30, bomb)))).toBe('verify/sign-format');
  });
});
