import { createHash } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { CvdWriter, encodeTar, orderOf } from '../../scripts/cvd/container/writer.ts';
import { GZIP_HEADER } from '../../scripts/cvd/deflate/gzip.ts';
import { parseHeader } from '../../scripts/cvd/header.ts';
import { CvdVerifier } from '../../scripts/verify/cvd.ts';
import { inPieces } from '../support/databases/generate.ts';
import { makeCvd, makeInfo, testTrust } from '../support/databases/signing.ts';
import { withCode } from '../support/throws.ts';

const tarOf = (name: string, size: number, data: Uint8Array[]) =>
  Buffer.concat([...encodeTar([{ name, size, data }])]);
const files = (...names: string[]) => new Map(names.map((name) => [name, Buffer.from(`${name}\n`)]));

describe('a tar', () => {
  test('holds headers and padded data, and no end blocks', () => {
    const tar = tarOf('a.ndb', 3, [Buffer.from('a'), Buffer.from('bc')]);
    expect(tar).toHaveLength(1024);
    expect(tar.toString('latin1', 0, 5)).toBe('a.ndb');
    expect(tar.toString('latin1', 512)).toBe(`abc${'\0'.repeat(509)}`);
    expect(tarOf('a.ndb', 0, [])).toHaveLength(512);
    expect(tarOf('a.ndb', 512, [Buffer.alloc(512)])).toHaveLength(1024);
  });

  test.each([2, 4])('is refused when a file of 3 bytes was said to have %i', (size) => {
    expect(() => tarOf('a.ndb', size, [Buffer.from('abc')])).toThrow(withCode('cvd/tar'));
  });
});

test('the order of a container follows .info, or puts the bytecode first', () => {
  const names = ['z.cbc', 'a.ndb', 'last.hdb', 'b.cbc', 'c.ldb'];
  const info = makeInfo({ database: 'test', version: 1, files: files(...names) });
  expect(orderOf('test', info, 'info')).toEqual(['COPYING', 'test.info', ...names]);
  const hybrid = ['COPYING', 'z.cbc', 'b.cbc', 'last.hdb', 'test.info', 'a.ndb', 'c.ldb'];
  expect(orderOf('test', info, 'hybrid')).toEqual(hybrid);
});

describe('a CVD', () => {
  const cvd = makeCvd({ database: 'test', version: 7, files: files('a.ndb', 'b.ldb') });

  test('is written piece by piece as it is in one', () => {
    const header = parseHeader(cvd.subarray(0, 512));
    const written: Uint8Array[] = [];
    const writer = new CvdWriter(header, GZIP_HEADER, (chunk) => written.push(chunk));
    for (const piece of inPieces(gunzipSync(cvd.subarray(512)), [333])) writer.write(piece);
    expect(writer.end()).toEqual({
      size: cvd.length,
      md5: header.md5,
      sha256: createHash('sha256').update(cvd).digest('hex'),
    });
    expect(Buffer.concat(written).equals(cvd)).toBe(true);
  });

  test('is one that we believe', () => {
    const verifier = new CvdVerifier(testTrust(), { database: 'test', version: 7 });
    verifier.write(cvd);
    expect(verifier.end().info.files.map(({ name }) => name)).toEqual(['a.ndb', 'b.ldb']);
  });
});
