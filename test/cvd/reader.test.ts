import { createHash } from 'node:crypto';
import { gunzipSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { codeOf } from '../../scripts/base/errors.ts';
import { CvdReader } from '../../scripts/cvd/container/reader.ts';
import { encodeTarHeader, type TarLimits } from '../../scripts/cvd/container/tar.ts';
import { CvdError } from '../../scripts/cvd/error.ts';
import { type CvdHeader, encodeHeader, parseHeader, unseal } from '../../scripts/cvd/header.ts';
import { anyDamage, anyFiles, anySizes, damaged, inPieces } from '../support/databases/generate.ts';
import { makeCvd } from '../support/databases/signing.ts';
import { withCode } from '../support/throws.ts';

const FILES = new Map([
  ['a.ndb', Buffer.from('a\n')],
  ['b.ldb', Buffer.alloc(3000, 'b\n')],
]);
const CVD = makeCvd({ database: 'test', version: 1, files: FILES });
const HEADER = parseHeader(CVD.subarray(0, 512));
const TAR = gunzipSync(CVD.subarray(512));
const CLD_HEADER = Buffer.from(encodeHeader(unseal(HEADER)));

function read(bytes: Uint8Array, sizes: readonly number[] = [], limits: TarLimits = {}) {
  const headers: CvdHeader[] = [];
  const files = new Map<string, Buffer>();
  let current = '';
  const reader = new CvdReader(
    {
      header: (header) => headers.push(header),
      entry: ({ name }) => {
        current = name;
        files.set(name, Buffer.alloc(0));
      },
      data: (chunk) => files.set(current, Buffer.concat([files.get(current) ?? Buffer.alloc(0), chunk])),
    },
    limits,
  );
  for (const piece of inPieces(bytes, sizes)) reader.write(piece);
  return { totals: reader.end(), headers, files };
}

/** What became of it: the result, or the code of the error. Other errors come through. */
function outcome(attempt: () => unknown): unknown {
  try {
    return attempt();
  } catch (error) {
    expect(error).toBeInstanceOf(CvdError);
    return codeOf(error);
  }
}

describe('a CVD', () => {
  test('is read as it was written', () => {
    const { totals, headers, files } = read(CVD);
    expect(headers).toEqual([HEADER]);
    expect([...files.keys()]).toEqual(['COPYING', 'test.info', 'a.ndb', 'b.ldb']);
    expect(files.get('b.ldb')).toEqual(FILES.get('b.ldb'));
    expect(totals).toEqual({
      size: CVD.length,
      md5: HEADER.md5,
      sha256: createHash('sha256').update(CVD).digest('hex'),
    });
  });

  test('reads the same whole, byte by byte and in pieces', () => {
    fc.assert(
      fc.property(anyFiles, anySizes, (files, sizes) => {
        const cvd = makeCvd({ database: 'test', version: 1, files });
        expect(read(cvd, sizes)).toEqual(read(cvd));
      }),
      { numRuns: 30 },
    );
  });

  test('that is damaged has the same fate, however it arrives', () => {
    fc.assert(
      fc.property(anyDamage, anySizes, (damage, sizes) => {
        const cvd = damaged(CVD, damage);
        expect(outcome(() => read(cvd, sizes))).toEqual(outcome(() => read(cvd)));
      }),
      { numRuns: 500 },
    );
  });

  test.each<[string, Buffer, Parameters<typeof withCode>[0]]>([
    ['of nothing', Buffer.alloc(0), 'cvd/container'],
    ['cut in its header', CVD.subarray(0, 511), 'cvd/container'],
    ['cut after its header', CVD.subarray(0, 512), 'cvd/container'],
    ['cut in its body', CVD.subarray(0, -1), 'cvd/gzip'],
    ['with something behind it', Buffer.concat([CVD, Buffer.from('\n')]), 'cvd/container'],
    ['with a second member', Buffer.concat([CVD, gzipSync('')]), 'cvd/container'],
    ['with a plain tar, which only a CLD has', Buffer.concat([CVD.subarray(0, 512), TAR]), 'cvd/gzip'],
    ['with another header', Buffer.concat([Buffer.alloc(512, 'x'), CVD.subarray(512)]), 'cvd/header'],
    [
      'with a tar that is cut',
      Buffer.concat([CVD.subarray(0, 512), gzipSync(TAR.subarray(0, -1))]),
      'cvd/tar',
    ],
    ['that is an HTML page', Buffer.alloc(2000, '<!DOCTYPE html><html>'), 'cvd/header'],
  ])('%s is refused, however it arrives', (_, cvd, code) => {
    for (const sizes of [[], [1], [600]]) expect(() => read(cvd, sizes)).toThrow(withCode(code));
  });

  test('that inflates to more than the limit is refused before more is told', () => {
    expect(read(CVD, [], { size: TAR.length }).totals.size).toBe(CVD.length);
    expect(() => read(CVD, [], { size: TAR.length - 1 })).toThrow(withCode('cvd/too-large'));
    const bomb = gzipSync(
      Buffer.concat([encodeTarHeader({ name: 'a', size: 1e9 }), Buffer.alloc(50_000_000)]),
    );
    expect(() => read(Buffer.concat([CVD.subarray(0, 512), bomb]), [], { size: 1_000_000 })).toThrow(
      withCode('cvd/too-large'),
    );
  });
});

describe('a CLD', () => {
  test.each([
    ['a plain tar', TAR],
    ['a compressed tar', gzipSync(TAR)],
    ['a plain tar with an end', Buffer.concat([TAR, Buffer.alloc(1024)])],
  ])('may hold %s', (_, body) => {
    for (const sizes of [[], [1], [600]]) {
      expect(read(Buffer.concat([CLD_HEADER, body]), sizes).files.get('b.ldb')).toEqual(FILES.get('b.ldb'));
    }
  });
});
