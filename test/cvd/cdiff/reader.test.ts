import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { codeOf } from '../../../scripts/base/errors.ts';
import {
  type CdiffHeader,
  CdiffReader,
  encodeCdiffHeader,
  parseCdiffHeader,
} from '../../../scripts/cvd/cdiff/reader.ts';
import { CvdError } from '../../../scripts/cvd/error.ts';
import { anyDamage, anySizes, damaged, inPieces } from '../../support/databases/generate.ts';
import { makeCdiff } from '../../support/databases/signing.ts';
import { withCode } from '../../support/throws.ts';

const SCRIPT = 'OPEN test.ndb\nADD x\nCLOSE\n';
const CDIFF = makeCdiff(28001, SCRIPT);
const DSIG = CDIFF.subarray(CDIFF.lastIndexOf(':') + 1).toString();

function read(cdiff: Uint8Array, sizes: readonly number[] = []) {
  let header: CdiffHeader | undefined;
  const script: Buffer[] = [];
  const reader = new CdiffReader({
    header: (found) => {
      header = found;
    },
    script: (chunk) => script.push(Buffer.from(chunk)),
  });
  for (const piece of inPieces(cdiff, sizes)) reader.write(piece);
  return { totals: reader.end(), header, script: Buffer.concat(script).toString('latin1') };
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

const parts = (header: string, script: string | Buffer = SCRIPT, dsig = `:${DSIG}`) =>
  Buffer.concat([Buffer.from(header), gzipSync(script), Buffer.from(dsig)]);
const HEAD = `ClamAV-Diff:28001:${SCRIPT.length}:`;

describe('a CDIFF', () => {
  test('is read as it was written', () => {
    expect(read(CDIFF)).toEqual({
      header: { version: 28001, size: SCRIPT.length },
      script: SCRIPT,
      totals: {
        size: CDIFF.length,
        sha256: createHash('sha256').update(CDIFF).digest('hex'),
        signedDigest: createHash('sha256')
          .update(CDIFF.subarray(0, CDIFF.lastIndexOf(':')))
          .digest(),
        dsig: DSIG,
      },
    });
  });

  test('reads the same whole, byte by byte and in pieces', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 3000 }), anySizes, (script, sizes) => {
        const cdiff = makeCdiff(2, script);
        expect(read(cdiff, sizes)).toEqual(read(cdiff));
      }),
      { numRuns: 30 },
    );
  });

  test('has a header that is written as it was read', () => {
    expect(encodeCdiffHeader(parseCdiffHeader(HEAD))).toBe(HEAD);
    expect(encodeCdiffHeader(parseCdiffHeader('ClamAV-Diff:1:0:'))).toBe('ClamAV-Diff:1:0:');
  });

  test.each<[string, Buffer, ('cvd/cdiff' | 'cvd/gzip' | 'cvd/too-large')?]>([
    ['nothing in it', Buffer.alloc(0)],
    [
      'an HTML page in it',
      Buffer.from('<!DOCTYPE html><html><head><title>Just a moment...</title>'.repeat(9)),
    ],
    ['a CVD in it', Buffer.from(`ClamAV-VDB:${' '.repeat(501)}`)],
    ['another first field', parts(HEAD.replace('Diff', 'diff'))],
    ['version 0', parts(HEAD.replace('28001', '0'))],
    ['a version with leading zeros', parts(HEAD.replace('28001', '028001'))],
    ['no version', parts(HEAD.replace('28001', ''))],
    ['no size', parts('ClamAV-Diff:28001::')],
    ['a negative size', parts('ClamAV-Diff:28001:-1:')],
    ['a header that never ends', Buffer.from(`ClamAV-Diff:${'1'.repeat(1000)}`)],
    ['only a header', Buffer.from(HEAD), 'cvd/gzip'],
    ['a script longer than it says', parts(HEAD.replace(`:${SCRIPT.length}:`, ':3:')), 'cvd/too-large'],
    ['a script shorter than it says', parts(HEAD.replace(`:${SCRIPT.length}:`, ':300:'))],
    ['a script that says to be enormous', parts('ClamAV-Diff:28001:1073741825:'), 'cvd/too-large'],
    ['a script that is not compressed', Buffer.from(`${HEAD}${SCRIPT}:${DSIG}`), 'cvd/gzip'],
    ['a script that is cut', CDIFF.subarray(0, 60), 'cvd/gzip'],
    ['no signature', parts(HEAD, SCRIPT, '')],
    ['an empty signature', parts(HEAD, SCRIPT, ':')],
    ['a signature without colon', parts(HEAD, SCRIPT, DSIG)],
    ['two colons', parts(HEAD, SCRIPT, `::${DSIG}`)],
    ['a signature with another character', parts(HEAD, SCRIPT, `:${DSIG}=`)],
    ['a newline at its end', Buffer.concat([CDIFF, Buffer.from('\n')])],
    ['a signature too long for ClamAV', parts(HEAD, SCRIPT, `:${'a'.repeat(350)}`)],
    ['too few bytes for ClamAV', parts(HEAD, SCRIPT, `:${DSIG.slice(0, 200)}`)],
    ['a second member', parts(HEAD, SCRIPT, `${gzipSync('').toString('latin1')}:${DSIG}`)],
  ])('with %s is refused, however it arrives', (_, cdiff, code = 'cvd/cdiff') => {
    for (const sizes of [[], [1], [7]]) expect(() => read(cdiff, sizes)).toThrow(withCode(code));
  });

  test('that is damaged has the same fate, however it arrives', () => {
    fc.assert(
      fc.property(anyDamage, anySizes, (damage, sizes) => {
        const cdiff = damaged(CDIFF, damage);
        expect(outcome(() => read(cdiff, sizes))).toEqual(outcome(() => read(cdiff)));
      }),
      { numRuns: 500 },
    );
  });

  test('tells no more of a script than it declares, however much it inflates to', () => {
    let told = 0;
    const reader = new CdiffReader({
      header: () => {},
      script: (chunk) => {
        told += chunk.length;
      },
    });
    const bomb = parts('ClamAV-Diff:28001:100000:', Buffer.alloc(30_000_000));
    expect(() => reader.write(bomb)).toThrow(withCode('cvd/too-large'));
    expect(told).toBeLessThanOrEqual(100_000);
  });
});
