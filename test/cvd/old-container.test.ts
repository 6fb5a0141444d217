import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { OldContainer } from '../../scripts/cvd/container/old-container.ts';
import { inPieces } from '../support/databases/generate.ts';
import { makeCvd } from '../support/databases/signing.ts';
import { withCode } from '../support/throws.ts';

const FILES = new Map([
  ['a.ndb', Buffer.alloc(100_000, 'a\n')],
  ['b.ldb', Buffer.from('')],
  ['c.hdb', Buffer.from('c\n')],
]);
const CVD = makeCvd({ database: 'test', version: 1, files: FILES });

/** A container over a CVD in pieces of `size` bytes, which counts how often it is opened and closed. */
function containerOf(cvd: Buffer, size = 1000) {
  const passes = { opened: 0, closed: 0 };
  const container = new OldContainer(function* () {
    passes.opened++;
    try {
      yield* inPieces(cvd, [size]);
    } finally {
      passes.closed++;
    }
  });
  const read = (name: string) => Buffer.concat([...container.read(name)]);
  return { container, passes, read };
}

describe('an old container', () => {
  test.each([1, 511, 1000, 1_000_000])('gives its files in one pass, read by %i bytes', (size) => {
    const { passes, read } = containerOf(CVD, size);
    for (const [name, bytes] of FILES) expect(read(name).equals(bytes)).toBe(true);
    expect(passes.opened).toBe(1);
  });

  test('gives its files in any order', () => {
    const { passes, read } = containerOf(CVD);
    for (const name of ['c.hdb', 'a.ndb', 'a.ndb', 'c.hdb', 'b.ldb']) {
      expect(read(name)).toEqual(FILES.get(name));
    }
    expect(passes.opened).toBe(4);
  });

  test('knows where its bytes are in the tar, and those of a part, but not those of a copy', () => {
    const tar = gunzipSync(CVD.subarray(512));
    for (const match of [undefined, () => {}]) {
      const container = new OldContainer(() => inPieces(CVD, [300]), match);
      for (const name of FILES.keys()) {
        for (const chunk of container.read(name)) {
          const place = container.placeOf(chunk) ?? Number.NaN;
          expect(tar.subarray(place, place + chunk.length).equals(chunk)).toBe(true);
          expect(container.placeOf(chunk.subarray(1))).toBe(place + 1);
          expect(container.placeOf(Uint8Array.from(chunk))).toBeUndefined();
        }
      }
    }
  });

  test('gives the matches that it is made of, its files are the same', () => {
    const places: number[] = [];
    const container = new OldContainer(
      () => inPieces(CVD, [300]),
      (place) => places.push(place),
    );
    for (const [name, bytes] of FILES)
      expect(Buffer.concat([...container.read(name)]).equals(bytes)).toBe(true);
    expect(places.length).toBeGreaterThan(100);
    expect(places).toEqual(places.toSorted((a, b) => a - b));
  });

  test('goes on after a file that was not read to its end', () => {
    const { container, passes, read } = containerOf(CVD);
    expect(container.read('a.ndb').next().value?.length).toBeGreaterThan(0);
    expect(read('c.hdb')).toEqual(FILES.get('c.hdb'));
    expect(passes.opened).toBe(1);
  });

  test('closes what it opened', () => {
    const { container, passes, read } = containerOf(CVD);
    read('c.hdb');
    read('a.ndb');
    expect(passes).toEqual({ opened: 2, closed: 1 });
    container.close();
    expect(passes).toEqual({ opened: 2, closed: 2 });
    expect(read('a.ndb')).toEqual(FILES.get('a.ndb'));
  });

  test('has no file that is not in it', () => {
    const { read } = containerOf(CVD);
    expect(() => read('d.fp')).toThrow(withCode('cvd/container'));
    expect(read('c.hdb')).toEqual(FILES.get('c.hdb'));
  });

  test.each([
    ['that is cut', CVD.subarray(0, -20), 'cvd/gzip'],
    ['that ends in its header', CVD.subarray(0, 500), 'cvd/container'],
    ['of nothing', Buffer.alloc(0), 'cvd/container'],
    ['that goes on', Buffer.concat([CVD, Buffer.from('x')]), 'cvd/container'],
  ] as const)('fails for a file %s', (_, cvd, code) => {
    expect(() => containerOf(cvd).read('d.fp')).toThrow(withCode(code));
  });
});
