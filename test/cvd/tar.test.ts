import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeTarHeader, parseTarHeader, TarReader } from '../../scripts/cvd/container/tar.ts';
import { encodeTar } from '../../scripts/cvd/container/writer.ts';
import { anyFiles, anySizes, inPieces } from '../support/databases/generate.ts';
import { withCode } from '../support/throws.ts';

const tarOf = (files: ReadonlyMap<string, Buffer>) =>
  Buffer.concat([
    ...encodeTar([...files].map(([name, data]) => ({ name, size: data.length, data: [data] }))),
  ]);

function read(tar: Uint8Array, sizes: readonly number[] = []): Map<string, Buffer> {
  const files = new Map<string, Buffer>();
  let current = '';
  const reader = new TarReader({
    entry: ({ name }) => {
      current = name;
      files.set(name, Buffer.alloc(0));
    },
    data: (chunk) => files.set(current, Buffer.concat([files.get(current) ?? Buffer.alloc(0), chunk])),
  });
  for (const piece of inPieces(tar, sizes)) reader.write(piece);
  reader.end();
  return files;
}

/** The header of an entry of 3 bytes, with some bytes changed and the checksum made right again. */
function header(change: (block: Buffer) => void, name = 'a.ndb'): Buffer {
  const block = encodeTarHeader({ name, size: 3 });
  change(block);
  block.fill(0x20, 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.fill(0, 148, 156);
  block.write(sum.toString(8).padStart(6, '0'), 148);
  return block;
}

const DATA = Buffer.alloc(512);
DATA.write('abc');
const END = Buffer.alloc(512);

describe('a tar', () => {
  test('is read as it was written, however it arrives', () => {
    fc.assert(
      fc.property(anyFiles, anySizes, (files, sizes) => {
        expect(read(tarOf(files), sizes)).toEqual(files);
      }),
    );
  });

  test('holds headers as sigtool writes them: name, size, checksum and nothing else', () => {
    const block = encodeTarHeader({ name: 'test.info', size: 568 });
    expect(block.toString('latin1').replace(/\0+/g, ' ')).toBe('test.info 1070 002542 ');
    expect(parseTarHeader(block)).toEqual({ name: 'test.info', size: 568 });
  });

  test('may end with blocks of zeros, as in a CLD', () => {
    const tar = tarOf(new Map([['a.ndb', Buffer.from('abc')]]));
    expect([...read(Buffer.concat([tar, END, END])).keys()]).toEqual(['a.ndb']);
    expect(read(new Uint8Array(0)).size).toBe(0);
  });

  test('may hold headers of other tar programs for plain files', () => {
    const ustar = header((block) => {
      block.write('00000000003\0', 124);
      block.write('0', 156);
      block.write('ustar\0', 257);
    });
    ustar.write(`${ustar.toString('latin1', 148, 154)}\0 `, 148);
    expect(read(Buffer.concat([ustar, DATA])).get('a.ndb')).toEqual(Buffer.from('abc'));
  });

  const good = encodeTarHeader({ name: 'a.ndb', size: 3 });
  test.each<[string, Buffer[]]>([
    ['that ends in a header', [good.subarray(0, 511)]],
    ['that ends in the data', [good, DATA.subarray(0, 2)]],
    ['that ends in the padding', [good, DATA.subarray(0, 511)]],
    ['with a wrong checksum', [Buffer.concat([Buffer.from('b'), good.subarray(1)]), DATA]],
    ['without a checksum', [Buffer.concat([good.subarray(0, 148), Buffer.alloc(364)]), DATA]],
    ['with padding that is not zero', [good, DATA.subarray(0, 511), Buffer.from('x')]],
    ['with the same file twice', [good, DATA, good, DATA]],
    ['with data behind its end', [good, DATA, END, good, DATA]],
    ['with an entry that has no name', [header((block) => block.fill(0, 0, 10)), DATA]],
    ['with a path', [header((block) => block.write('a/ndb', 0)), DATA]],
    ['with a name that is the folder itself', [header((block) => block.write('.\0', 0)), DATA]],
    ['with a name that is the folder above', [header((block) => block.write('..\0', 0)), DATA]],
    ['with a space in a name', [header((block) => block.write('a ndb', 0)), DATA]],
    ['with a control byte in a name', [header((block) => block.write('a\nndb', 0)), DATA]],
    ['with a folder', [header((block) => block.write('5', 156)), DATA]],
    ['with a symbolic link', [header((block) => block.write('2', 156)), DATA]],
    ['with a size that is not octal', [header((block) => block.write('9', 124)), DATA]],
    ['without a size', [header((block) => block.fill(0, 124, 136)), DATA]],
    ['with a negative size', [header((block) => block.write('-3', 124)), DATA]],
  ])('%s is refused, however it arrives', (_, blocks) => {
    for (const sizes of [[], [1], [100]]) {
      expect(() => read(Buffer.concat(blocks), sizes)).toThrow(withCode('cvd/tar'));
    }
  });

  test.each([
    ['a path', 'a/b', 1],
    ['an empty name', '', 1],
    ['the name of the folder above', '..', 1],
    ['a name of 100 bytes', 'a'.repeat(100), 1],
    ['a negative size', 'a', -1],
    ['a fraction of a byte', 'a', 0.5],
  ])('is not written with %s', (_, name, size) => {
    expect(() => encodeTarHeader({ name, size })).toThrow(withCode('cvd/tar'));
  });
});
