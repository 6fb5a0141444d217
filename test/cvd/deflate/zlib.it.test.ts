import { createCipheriv, createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { CvdWriter } from '../../../scripts/cvd/container/writer.ts';
import { GZIP_HEADER, Gzip } from '../../../scripts/cvd/deflate/gzip.ts';
import { parseHeader } from '../../../scripts/cvd/header.ts';
import { Rebuild } from '../../../scripts/cvd/rebuild.ts';
import { type BigVersion, writeBigDatabase } from '../../support/databases/big-database.ts';
import { inPieces } from '../../support/databases/generate.ts';
import { signatureLines } from '../../support/databases/signatures.ts';
import { describeWithPython } from '../../support/machine/python.ts';
import { deflateWithStockZlib } from '../../support/machine/stock-zlib.ts';
import { sampled } from '../../support/sample.ts';

const MEGABYTES = sampled(3, 9);
const SIZE = MEGABYTES * 1_000_000;

function deflated(bytes: Uint8Array): Buffer {
  const chunks: Uint8Array[] = [];
  const gzip = new Gzip(GZIP_HEADER, (chunk) => chunks.push(chunk));
  for (const piece of inPieces(bytes, [100_000])) gzip.write(piece);
  gzip.end();
  return Buffer.concat(chunks);
}

/** Bytes without any pattern, the same in each run. */
function noise(size: number): Buffer {
  return createCipheriv('aes-128-ctr', Buffer.alloc(16), Buffer.alloc(16)).update(Buffer.alloc(size));
}

const md5 = (bytes: Uint8Array) => createHash('md5').update(bytes).digest('hex');

describeWithPython('stock zlib', () => {
  test.each<[string, () => Buffer]>([
    ['signatures', () => Buffer.concat([...signatureLines(SIZE)])],
    ['zeros', () => Buffer.alloc(SIZE)],
    ['bytes that cannot be compressed', () => noise(SIZE)],
    ['two letters in random order', () => Buffer.from(noise(50_000).map((byte) => 0x30 + (byte & 1)))],
    ['nothing', () => Buffer.alloc(0)],
  ])('makes the same of %s', (_, make) => {
    const bytes = make();
    expect(md5(deflated(bytes))).toBe(md5(deflateWithStockZlib(bytes)));
  });
});

describeWithPython('a database that stock zlib compressed', () => {
  let folder: string;
  let versions: BigVersion[];
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'big-'));
    versions = await writeBigDatabase(folder, 'daily', { share: MEGABYTES / 55, steps: ['day', 'day'] });
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  test.each([
    ['one', 1, 2],
    ['two', 1, 3],
  ])('comes out of the version before and %s of its CDIFFs, to the last bit', (_, from, to) => {
    const [old, target] = [from, to].map((version) => readFileSync(versions[version - 1]?.cvd ?? ''));
    if (old === undefined || target === undefined) throw new Error('no such version');
    const header = parseHeader(target.subarray(0, 512));
    const cdiffs = versions
      .slice(from, to)
      .map(({ version, cdiff = '' }) => ({ version, bytes: [readFileSync(cdiff)] }));
    const rebuild = new Rebuild({ database: 'daily', old: () => inPieces(old, [65_536]), cdiffs, header });
    const writer = new CvdWriter(header, target.subarray(512, 522), () => {});
    for (const chunk of rebuild.tar()) writer.write(chunk);
    expect(writer.end()).toMatchObject({ md5: header.md5, size: target.length });
  });
});
