import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import * as limits from '../../scripts/base/limits/databases.ts';
import { ChangeCounter } from '../../scripts/cvd/cdiff/changes.ts';
import { parseCommand } from '../../scripts/cvd/cdiff/command.ts';
import { Patch } from '../../scripts/cvd/cdiff/patch.ts';
import { CdiffReader, CdiffSealReader, parseCdiffHeader } from '../../scripts/cvd/cdiff/reader.ts';
import { ScriptParser } from '../../scripts/cvd/cdiff/script.ts';
import { Gunzip } from '../../scripts/cvd/container/gunzip.ts';
import { OldContainer } from '../../scripts/cvd/container/old-container.ts';
import { CvdReader } from '../../scripts/cvd/container/reader.ts';
import { encodeTarHeader, paddingOf, parseTarHeader, TarReader } from '../../scripts/cvd/container/tar.ts';
import { encodeHeader, encodeHeaderLine, parseHeaderLine } from '../../scripts/cvd/header.ts';
import { encodeInfo, parseInfo } from '../../scripts/cvd/info.ts';
import { makeCvd, makeHeader, makeInfo } from '../support/databases/signing.ts';
import { withCode } from '../support/throws.ts';

const tooLarge = withCode('cvd/too-large');
const SILENT = { header() {}, entry() {}, data() {} };
const SEALED = makeCvd({ database: 'test', version: 1, files: new Map() }).subarray(0, 512);
const UNSEALED = encodeHeader(makeHeader('test', 1));

/** An entry of zeros. */
function entry(name: string, size: number): Buffer {
  return Buffer.concat([encodeTarHeader({ name, size }), Buffer.alloc(size + paddingOf(size))]);
}

function entries(count: number): Buffer {
  return Buffer.concat(
    Array.from({ length: count }, (_, at) => encodeTarHeader({ name: `${at}.ndb`, size: 0 })),
  );
}

function readCvd(tar: Uint8Array): void {
  const reader = new CvdReader(SILENT);
  reader.write(Buffer.concat([SEALED, gzipSync(tar)]));
  reader.end();
}

function readCld(tar: Uint8Array): void {
  const reader = new CvdReader(SILENT);
  reader.write(Buffer.concat([UNSEALED, tar]));
  reader.end();
}

const READERS = [
  ['a CVD', readCvd],
  ['a CLD', readCld],
] as const;

describe('a container', () => {
  test('holds as many files as a CVD may have, and not one more', () => {
    readCvd(entries(limits.CVD_ENTRIES));
    expect(() => readCvd(entries(limits.CVD_ENTRIES + 1))).toThrow(tooLarge);
  });

  test('holds as many files as a CLD may have, and not one more', () => {
    readCld(entries(limits.CLD_ENTRIES));
    expect(() => readCld(entries(limits.CLD_ENTRIES + 1))).toThrow(tooLarge);
  });

  test.each(READERS)('is as long as the limit and no longer, if it is %s', (_, read) => {
    const reader = new CvdReader(SILENT, { size: 2048 });
    const plain = entry('a.ndb', 1536);
    const body = read === readCvd ? gzipSync(plain) : plain;
    const head = read === readCvd ? SEALED : UNSEALED;
    reader.write(Buffer.concat([head, body]));
    reader.end();
    const longer = new CvdReader(SILENT, { size: 2047 });
    expect(() => longer.write(Buffer.concat([head, body]))).toThrow(tooLarge);
  });

  test('has a limit, whoever reads it', () => {
    const reader = new TarReader(SILENT);
    const size = limits.ENTRY_BYTES;
    const zeros = Buffer.alloc(16 * 1024 ** 2);
    const endless = () => {
      for (let at = 0; at < 3; at++) {
        reader.write(encodeTarHeader({ name: `${at}.ndb`, size }));
        for (let left = size + paddingOf(size); left > 0; left -= zeros.length) {
          reader.write(zeros.subarray(0, left));
        }
      }
    };
    expect(endless).toThrow(tooLarge);
  });

  test.each(READERS)(
    'holds a COPYING and a .info as long as the limits and no longer, if it is %s',
    (_, read) => {
      for (const [name, limit] of [
        ['COPYING', limits.COPYING_BYTES],
        ['test.info', limits.INFO_BYTES],
        ['TEST.INFO', limits.INFO_BYTES],
      ] as const) {
        read(entry(name, limit));
        expect(() => read(entry(name, limit + 1))).toThrow(tooLarge);
      }
    },
  );

  test.each(READERS)(
    'ends with as many blocks of zeros as GNU tar writes and no more, if it is %s',
    (_, read) => {
      const file = entry('a.ndb', 3);
      read(Buffer.concat([file, Buffer.alloc(512 * limits.END_BLOCKS)]));
      const more = Buffer.concat([file, Buffer.alloc(512 * (limits.END_BLOCKS + 1))]);
      expect(() => read(more)).toThrow(tooLarge);
    },
  );

  test('has no file of 2^31 bytes and more', () => {
    const size = limits.ENTRY_BYTES;
    expect(parseTarHeader(encodeTarHeader({ name: 'a.ndb', size }))).toEqual({ name: 'a.ndb', size });
    expect(() => encodeTarHeader({ name: 'a.ndb', size: size + 1 })).toThrow(tooLarge);
    for (const more of [size + 1, 2 ** 31, 2 ** 32, 2 ** 32 + 512, 8 ** 11, 8 ** 12 - 1]) {
      expect(() => new TarReader(SILENT).write(sized(more))).toThrow(tooLarge);
    }
  });

  test('is read again as often as the limit says', () => {
    const files = new Map([
      ['a.ndb', Buffer.from('a\n')],
      ['b.ndb', Buffer.from('b\n')],
    ]);
    const cvd = makeCvd({ database: 'test', version: 1, files });
    const old = new OldContainer(() => [cvd]);
    const read = (name: string) => Buffer.concat([...old.read(name)]);
    for (let pass = 1; pass <= limits.OLD_CONTAINER_PASSES; pass++) read('b.ndb');
    expect(() => read('a.ndb')).toThrow(tooLarge);
  });
});

/** A header with any size and the right checksum. */
function sized(size: number): Buffer {
  const block = encodeTarHeader({ name: 'COPYING', size: 0 });
  block.write(size.toString(8), 124, 'latin1');
  block.fill(0x20, 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

describe('a gzip member', () => {
  const { free, ratio } = limits.INFLATION;

  test('of few bytes inflates to the free ones and no more', () => {
    const inflate = (size: number) => {
      const zipped = gzipSync(Buffer.alloc(size));
      new Gunzip(() => {}, Number.POSITIVE_INFINITY).write(zipped);
      return zipped.length;
    };
    expect(inflate(free)).toBeLessThan(free / 500);
    expect(() => inflate(2 * free)).toThrow(tooLarge);
  });

  test.each([1000, 65_536, 1_000_000])('of many bytes is refused early, in pieces of %d', (size) => {
    const bomb = gzipSync(Buffer.alloc(60_000_000), { level: 1 });
    let told = 0;
    const gunzip = new Gunzip((chunk) => {
      told += chunk.length;
    }, Number.POSITIVE_INFINITY);
    const write = () => {
      for (let at = 0; at < bomb.length; at += size) gunzip.write(bomb.subarray(at, at + size));
    };
    expect(write).toThrow(tooLarge);
    expect(told).toBeLessThan(free + ratio * bomb.length);
  });
});

describe('a number', () => {
  const { HEADER_NUMBER } = limits;
  const header = makeHeader('test', 1);

  test.each(['version', 'signatures', 'fLevel'] as const)('of a header is what atoi() takes: %s', (field) => {
    const line = (value: number) => encodeHeaderLine({ ...header, [field]: value });
    expect(parseHeaderLine(line(HEADER_NUMBER))[field]).toBe(HEADER_NUMBER);
    for (const value of [HEADER_NUMBER + 1, 2 ** 32 + 1, Number.MAX_SAFE_INTEGER]) {
      expect(() => parseHeaderLine(line(value))).toThrow(withCode('cvd/header'));
    }
  });

  test('of a CDIFF is what a header can name', () => {
    expect(parseCdiffHeader(`ClamAV-Diff:${HEADER_NUMBER}:3:`).version).toBe(HEADER_NUMBER);
    expect(() => parseCdiffHeader(`ClamAV-Diff:${HEADER_NUMBER + 1}:3:`)).toThrow(tooLarge);
  });

  test('of .info is what atoi() takes', () => {
    const info = makeInfo({ database: 'test', version: 1, files: new Map([['a.ndb', Buffer.alloc(3)]]) });
    const withSize = (size: number) =>
      encodeInfo({ ...info, files: info.files.map((file) => ({ ...file, size })) });
    expect(parseInfo(withSize(HEADER_NUMBER)).files[0]?.size).toBe(HEADER_NUMBER);
    expect(() => parseInfo(withSize(HEADER_NUMBER + 1))).toThrow(tooLarge);
  });
});

describe('a .info', () => {
  const listing = (count: number) => {
    const files = new Map(Array.from({ length: count }, (_, at) => [`${at}.cbc`, Buffer.alloc(0)]));
    return encodeInfo(makeInfo({ database: 'test', version: 1, files }));
  };

  test('lists as many files as a CVD may have, and not one more', () => {
    expect(parseInfo(listing(limits.CVD_ENTRIES)).files).toHaveLength(limits.CVD_ENTRIES);
    expect(() => parseInfo(listing(limits.CVD_ENTRIES + 1))).toThrow(tooLarge);
  });

  test('is as long as the limit and no longer', () => {
    expect(() => parseInfo(Buffer.alloc(limits.INFO_BYTES, '\n'))).toThrow(withCode('cvd/header'));
    expect(() => parseInfo(Buffer.alloc(limits.INFO_BYTES + 1, '\n'))).toThrow(tooLarge);
  });

  test.each(['DSIG', 'ClamAV-VDB'])(
    'lists no file called %s, which ClamAV takes for another line',
    (name) => {
      const files = new Map([[name, Buffer.alloc(3)]]);
      const info = encodeInfo(makeInfo({ database: 'test', version: 1, files }));
      expect(() => parseInfo(info)).toThrow(withCode('cvd/info'));
    },
  );
});

describe('a script', () => {
  test('has as many comments as the limit and no more', () => {
    const parser = new ScriptParser(() => {});
    parser.write(Buffer.from('#\n'.repeat(limits.SCRIPT_COMMENTS)));
    expect(() => parser.write(Buffer.from('#\n'))).toThrow(tooLarge);
  });

  test('has as many lines as the limit and no more', () => {
    expect(limits.SCRIPT_LINES).toBeGreaterThan(6 * 3_300_000);
    const parser = new ScriptParser(() => {}, { lines: 1000 });
    parser.write(Buffer.from(`OPEN a.ndb\n${'ADD\n'.repeat(999)}`));
    expect(() => parser.write(Buffer.from('ADD\n'))).toThrow(tooLarge);
  });

  test('is as long as the limit and no longer', () => {
    expect(parseCdiffHeader(`ClamAV-Diff:2:${limits.SCRIPT_BYTES}:`).size).toBe(limits.SCRIPT_BYTES);
    expect(() => parseCdiffHeader(`ClamAV-Diff:2:${limits.SCRIPT_BYTES + 1}:`)).toThrow(tooLarge);
  });

  test('names as many files as the limit and no more, where its changes are counted', () => {
    const counter = new ChangeCounter();
    const unlink = (at: number) => counter.add(parseCommand(Buffer.from(`UNLINK ${at}.ndb`)));
    for (let at = 0; at < limits.SCRIPT_FILES; at++) unlink(at);
    unlink(0);
    expect(() => unlink(limits.SCRIPT_FILES)).toThrow(tooLarge);
  });

  test('makes as many files as the limit and no more', () => {
    const patch = new Patch([], () => []);
    const script = patch.script(2);
    const make = (at: number) => script.write(Buffer.from(`OPEN ${at}.ndb\nADD x\nCLOSE\n`));
    for (let at = 0; at < limits.PATCH_LIMITS.files; at++) make(at);
    make(0);
    expect(() => make(limits.PATCH_LIMITS.files)).toThrow(tooLarge);
  });

  test('takes as many steps in all files together as the limit and no more', () => {
    const patch = new Patch([], () => []);
    const script = patch.script(2);
    const make = (at: number) => script.write(Buffer.from(`OPEN ${at % 100}.ndb\nADD x\nCLOSE\n`));
    for (let at = 0; at < limits.PATCH_LIMITS.allSteps; at++) make(at);
    expect(() => make(0)).toThrow(tooLarge);
  });
});

describe('the seal of a CDIFF', () => {
  test('stands within the last bytes that ClamAV looks at', () => {
    const seal = (length: number) => {
      const reader = new CdiffSealReader();
      reader.write(Buffer.from(`ClamAV-Diff:2:3:${'x'.repeat(400)}:${'a'.repeat(length - 1)}`));
      return reader.end().dsig;
    };
    expect(seal(limits.CDIFF_SIGNATURE_BYTES)).toHaveLength(limits.CDIFF_SIGNATURE_BYTES - 1);
    expect(() => seal(limits.CDIFF_SIGNATURE_BYTES + 1)).toThrow(withCode('cvd/cdiff'));
  });

  test.each([
    ['an HTML page', '<!DOCTYPE html>'.repeat(30)],
    ['a header that never ends', `ClamAV-Diff:2${'1'.repeat(limits.CDIFF_HEADER_BYTES)}:3:`],
    ['too few bytes', `ClamAV-Diff:2:3:x:${'a'.repeat(200)}`],
  ])('is not looked for in %s', (_, text) => {
    for (const reader of [new CdiffSealReader(), new CdiffReader({ header() {}, script() {} })]) {
      const attempt = () => {
        reader.write(Buffer.from(text));
        reader.end();
      };
      expect(attempt).toThrow(/./);
    }
  });
});
