import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import {
  entryOf,
  gzip,
  INFO_NAME,
  rechecksum,
  refitInfo,
  type Shape,
  type ShapeEntry,
} from './container-shape.ts';

/** Changes a shape; `pick` chooses one of some values, always the same for the same numbers. */
type Mutation = (shape: Shape, pick: Pick) => void;
type Pick = <T>(values: readonly T[]) => T;

type MutationName = keyof typeof MUTATIONS;

const octal = (value: number) => value.toString(8);

/** Ways to write a size, or to pretend another one. */
const SIZES: readonly ((size: number) => string)[] = [
  (size) => octal(size),
  (size) => octal(size).padStart(11, '0'),
  (size) => octal(size).padStart(12, '0'),
  (size) => `${octal(size).padStart(11, '0')} `,
  (size) => octal(size).padStart(11, ' '),
  (size) => ` ${octal(size)}`,
  (size) => `\t${octal(size)}`,
  (size) => `\n${octal(size)}`,
  (size) => `+${octal(size)}`,
  (size) => `-${octal(size)}`,
  (size) => `-${octal(2 ** 32 - size)}`,
  (size) => `0x${size.toString(16)}`,
  (size) => `0${octal(size)}`,
  (size) => `${octal(size)}9`,
  (size) => `${octal(size)} 1`,
  (size) => `${octal(size)}\0${'7'.repeat(3)}`,
  (size) => octal(size + 2 ** 32),
  (size) => octal(size + 2 ** 33),
  (size) => octal(size + 2 ** 31),
  () => octal(2 ** 32 + 512),
  () => octal(2 ** 32),
  () => octal(2 ** 32 - 1),
  (size) => octal(size + 1),
  (size) => octal(Math.max(0, size - 1)),
  (size) => octal(size + 512),
  () => '0',
  () => '',
  () => ' ',
  () => '\x007',
  (size) =>
    `\x80\0\0\0\0\0\0\0${String.fromCharCode((size >>> 24) & 255, (size >>> 16) & 255, (size >>> 8) & 255, size & 255)}`,
];

const NAMES: readonly ((name: string) => string)[] = [
  (name) => `${name}/`,
  (name) => `./${name}`,
  (name) => `../${name}`,
  (name) => `/${name}`,
  (name) => name.toUpperCase(),
  (name) => `${name} `,
  (name) => ` ${name}`,
  (name) => `${name}\0junk`,
  (name) => `${name}\n`,
  (name) => `${name}\x80`,
  (name) => `\\${name}`,
  (name) => name.padEnd(99, 'x'),
  (name) => name.padStart(100, 'x'),
  (name) => name.padStart(101, 'x'),
  () => '',
  () => '.',
  () => '..',
  () => 'COPYING',
  () => 'COPYING2',
  () => 'copying',
  () => 'test-2.cdiff',
  () => 'evil.info',
  () => 'EVIL.INFO',
  () => INFO_NAME,
  () => 'test.hdb',
  () => 'test.hdb.txt',
  () => 'test.fp',
  () => 'test.cvd',
  () => 'x',
];

const TYPES = ['\0', '0', '1', '2', '3', '4', '5', '6', '7', 'L', 'K', 'S', 'g', 'x', 'X', ' ', '\x80'];

const CHECKSUMS: readonly ((sum: number) => string)[] = [
  (sum) => `${octal(sum).padStart(6, '0')}\0 `,
  (sum) => `${octal(sum).padStart(7, '0')}\0`,
  (sum) => octal(sum).padStart(8, '0'),
  (sum) => octal(sum).padStart(7, ' '),
  (sum) => `${octal(sum)} `,
  (sum) => octal(sum + 1),
  () => '',
];

const MUTATIONS = {
  none() {},

  size({ entries }, pick) {
    const { block } = pick(entries);
    const size = Number.parseInt(block.toString('latin1', 124, 136), 8);
    setField(block, 124, 12, pick(SIZES)(size));
  },

  /** An entry that nobody lists, with a size that is not the one of its data. */
  skewedStray({ entries }, pick) {
    const data = Buffer.alloc(pick([0, 1, 511, 512, 513, 1024]), 'x');
    const stray = entryOf(pick(['x', 'test-2.cdiff', 'freshclam.dat', 'test.txt', 'COPYING']), data);
    setField(stray.block, 124, 12, pick(SIZES)(data.length));
    insert(entries, stray, pick);
  },

  name({ entries }, pick) {
    const { block } = pick(entries);
    const name = block.toString('latin1', 0, 100).replace(/\0.*$/s, '');
    setField(block, 0, 100, pick(NAMES)(name));
  },

  type({ entries }, pick) {
    setField(pick(entries).block, 156, 1, pick(TYPES));
  },

  magic({ entries }, pick) {
    const { block } = pick(entries);
    setField(block, 257, 8, pick(['ustar\x0000', 'ustar  \0', 'ustar', 'junk']));
    if (pick([true, false])) setField(block, 345, 155, pick(['p', 'a/b', '..', '\0p']));
    if (pick([true, false])) setField(block, 157, 100, pick(['l', '/etc/passwd']));
  },

  headerByte({ entries }, pick) {
    const { block } = pick(entries);
    block[pick(range(512))] = pick(range(256));
    rechecksum(block);
  },

  checksum({ entries }, pick) {
    rechecksum(pick(entries).block, pick(CHECKSUMS));
  },

  order({ entries }, pick) {
    insert(entries, entries.splice(entries.indexOf(pick(entries)), 1)[0], pick);
  },

  twice({ entries }, pick) {
    insert(entries, pick(entries), pick);
  },

  absent({ entries }, pick) {
    entries.splice(entries.indexOf(pick(entries)), 1);
  },

  stray({ entries }, pick) {
    const [name, data] = [pick(NAMES)('stray.txt'), Buffer.from(pick(['', 'x', '0'.repeat(600)]))];
    const stray = entryOf('stray', data);
    setField(stray.block, 0, 100, name);
    insert(entries, stray, pick);
  },

  /** What tar programs put in front of an entry to give it another name or size. */
  extension({ entries }, pick) {
    const text = pick(['test.fp\0', '22 path=other.hdb\n', '11 size=512\n', '']);
    const before = entryOf(pick(['././@LongLink', 'PaxHeader']).replaceAll('/', '_'), Buffer.from(text));
    setField(before.block, 156, 1, pick(['L', 'K', 'x', 'g', '0']));
    insert(entries, before, pick);
  },

  zeroBlock({ entries }, pick) {
    insert(entries, { block: Buffer.alloc(512), data: Buffer.alloc(0), padding: Buffer.alloc(0) }, pick);
  },

  padding({ entries }, pick) {
    const entry = pick(entries);
    entry.padding = pick<Uint8Array>([
      Buffer.alloc(entry.padding.length, 'x'),
      Buffer.alloc(entry.padding.length + 512),
      Buffer.alloc(0),
      entry.padding.subarray(1),
    ]);
  },

  data({ entries }, pick) {
    const entry = pick(entries);
    if (entry.data === undefined || entry.data.length === 0) return;
    entry.data = Buffer.from(entry.data);
    entry.data[pick(range(entry.data.length))] = pick([0, 10, 13, 32, 120, 255]);
  },

  end(shape, pick) {
    shape.tarEnd = pick<Uint8Array>([
      ...[1, 512, 513, 1024, 10_240, 10_752].map((size) => Buffer.alloc(size)),
      Buffer.alloc(512, 'x'),
      Buffer.from(`${'\0'.repeat(1024)}x`),
      Buffer.alloc(1536, '\0'.repeat(1024) + 'x'.repeat(512)),
    ]);
  },

  pack(shape, pick) {
    shape.pack = pick<Shape['pack']>([
      (tar) => tar,
      (tar) => gzip(tar),
      (tar) => gzip(tar, { level: 0 }),
      (tar) => gzip(tar, { level: 1 }),
      (tar) => gzip(tar, { flags: 8, extra: Buffer.from('name\0') }),
      (tar) => gzip(tar, { flags: 16, extra: Buffer.from('comment\0') }),
      (tar) => gzip(tar, { flags: 4, extra: Buffer.from('\x03\0abc') }),
      (tar) => gzip(tar, { flags: 4, extra: Buffer.from('\xff\xffabc', 'latin1') }),
      (tar) => gzip(tar, { flags: 1 }),
      (tar) => gzip(tar, { flags: 2, extra: headerCrc(2, 0) }),
      (tar) => gzip(tar, { flags: 2, extra: headerCrc(2, 1) }),
      (tar) => gzip(tar, { flags: 32 }),
      (tar) => gzip(tar, { flags: 224 }),
      (tar) => gzip(tar, { crc: 1 }),
      (tar) => gzip(tar, { size: 1 }),
      (tar) => Buffer.concat([gzip(tar.subarray(0, 1024)), gzip(tar.subarray(1024))]),
      (tar) => Buffer.concat([gzip(tar), gzip(Buffer.alloc(0))]),
      (tar) => Buffer.concat([gzip(Buffer.alloc(0)), gzip(tar)]),
      (tar) => Buffer.concat([gzip(tar), Buffer.alloc(100)]),
      (tar) => Buffer.concat([gzip(tar), Buffer.from('junk')]),
      (tar) => Buffer.concat([gzip(tar), tar]),
      (tar) => gzip(tar).subarray(0, -1),
      (tar) => gzip(tar).subarray(0, -9),
      (tar) => gzip(gzip(tar)),
      (tar) => Buffer.concat([Buffer.of(0x1f), tar]),
    ]);
  },

  headerText(shape, pick) {
    const fields = shape.headerLine.split(':');
    const at = pick([1, 2, 3, 4, 5, 6, 7, 8]);
    const field = fields[at] ?? '';
    fields[at] = pick<(text: string) => string>([
      (text) => ` ${text}`,
      (text) => `${text} `,
      (text) => `0${text}`,
      (text) => `+${text}`,
      (text) => `-${text}`,
      (text) => `${text}x`,
      (text) => `${text}\t`,
      (text) => text.toLowerCase(),
      (text) => String(Number(text) + 2 ** 32),
      (text) => String(Number(text) + 1),
      () => '',
      () => 'X',
      () => 'x',
    ])(field);
    shape.headerLine = fields.join(':');
    if (pick([true, false])) {
      shape.infoText = shape.infoText.replace(/^.*\n/, () => `${shape.headerLine}\n`);
      refitInfo(shape);
    }
  },

  headerFill(shape, pick) {
    shape.headerFill = pick(['\n', '\r\n', '\0', '\n\n\n', ':', ': ', ' x', '\0x', '\nx', '\t', ':X:X']);
  },

  info(shape, pick) {
    const lines = shape.infoText.split('\n');
    const at = pick(range(lines.length - 1));
    const line = lines[at] ?? '';
    const [name = '', size = '', hash = ''] = line.split(':');
    const changed = pick<() => readonly string[]>([
      () => [`${line}\r`],
      () => [line, ''],
      () => [line, line],
      () => [],
      () => [`${name}:0${size}:${hash}`],
      () => [`${name}:+${size}:${hash}`],
      () => [`${name}:${Number(size) + 2 ** 32}:${hash}`],
      () => [`${name}:${size}:${hash.toUpperCase()}`],
      () => [`${name}:${size}:${hash}:`],
      () => [`${name.toUpperCase()}:${size}:${hash}`],
      () => [` ${line}`],
      () => [line, `absent.hdb:3:${'0'.repeat(64)}`],
      () => [line, `DSIG:3:${'0'.repeat(64)}`],
      () => [line, `ClamAV-VDB:3:${'0'.repeat(64)}`],
      () => [line, '# comment'],
      () => [`${line}\0`],
    ])();
    lines.splice(at, 1, ...changed);
    shape.infoText = lines.join('\n');
    refitInfo(shape);
  },

  infoEnd(shape, pick) {
    shape.infoEnd = pick(['\n', 'x', 'x:3:y\n', '\0', 'DSIG:x\n', ' ']);
    if (pick([true, false])) refitInfo(shape);
  },

  /** One byte of the whole body, before it is signed. */
  bodyByte(shape, pick) {
    const { pack } = shape;
    shape.pack = (tar) => {
      const body = Buffer.from(pack(tar));
      body[pick(range(body.length))] = pick(range(256));
      return body;
    };
  },

  cut(shape, pick) {
    const { pack } = shape;
    shape.pack = (tar) => pack(tar.subarray(0, tar.length - pick([1, 511, 512, 513, 1024, 1536])));
  },
} satisfies Record<string, Mutation>;

/** Some mutations by name, each with the numbers that it picks by. */
export const anyMutations = fc.array(
  fc.record({
    name: fc.constantFrom<MutationName>(...(Object.keys(MUTATIONS) as MutationName[])),
    numbers: fc.array(fc.nat({ max: 9999 }), { minLength: 4, maxLength: 4 }),
  }),
  { minLength: 1, maxLength: 2 },
);
export type Mutations = typeof anyMutations extends fc.Arbitrary<infer T> ? T : never;

export function mutate(shape: Shape, mutations: Mutations): void {
  for (const { name, numbers } of mutations) {
    let at = 0;
    MUTATIONS[name](
      shape,
      (values) => values[(numbers[at++ % numbers.length] ?? 0) % values.length] as never,
    );
  }
}

function setField(block: Buffer, at: number, length: number, text: string): void {
  block.fill(0, at, at + length);
  block.write(text.slice(0, length), at, 'latin1');
  rechecksum(block);
}

/** The CRC of a gzip header with these flags. */
function headerCrc(flags: number, wrong: number): Buffer<ArrayBuffer> {
  const crc = Buffer.alloc(2);
  crc.writeUInt16LE((crc32(Buffer.of(0x1f, 0x8b, 8, flags, 0, 0, 0, 0, 2, 3)) & 0xffff) ^ wrong);
  return crc;
}

function insert(entries: ShapeEntry[], entry: ShapeEntry | undefined, pick: Pick): void {
  if (entry === undefined) return;
  entries.splice(pick(range(entries.length + 1)), 0, { ...entry, block: Buffer.from(entry.block) });
}

function range(count: number): number[] {
  return [...Array(count).keys()];
}
