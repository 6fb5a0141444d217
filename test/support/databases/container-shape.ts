import { createHash } from 'node:crypto';
import { crc32, deflateRawSync } from 'node:zlib';
import { encodeTarHeader, paddingOf } from '../../../scripts/cvd/container/tar.ts';
import { encodeHeaderLine } from '../../../scripts/cvd/header.ts';
import { makeHeader, makeTestKeys } from './signing.ts';

/** A container taken apart, so that any of its parts can be made wrong before it is put together and signed again. */
export interface Shape {
  /** By which extension ClamAV takes it for one or the other. */
  kind: 'cvd' | 'cld';
  /** Line 1 of `.info`; the header of a CLD. */
  headerLine: string;
  /** What fills the header up to 512 bytes. */
  headerFill: string;
  /** The text of `.info` that gets signed. */
  infoText: string;
  /** What follows the signature in `.info`. */
  infoEnd: string;
  entries: ShapeEntry[];
  /** What follows the last entry of the tar. */
  tarEnd: Uint8Array;
  pack: (tar: Buffer<ArrayBuffer>) => Buffer;
}

export interface ShapeEntry {
  /** The 512 bytes before the data. */
  block: Buffer;
  /** `undefined`: `.info`, which is made when all else is known. */
  data: Uint8Array | undefined;
  padding: Uint8Array;
}

export const INFO_NAME = 'test.info';

/** The shape of a sound container with these files. */
export function shapeOf(kind: Shape['kind'], files: ReadonlyMap<string, Buffer>): Shape {
  const headerLine = encodeHeaderLine({ ...makeHeader('test', 2), signatures: files.size });
  const lines = [...files].map(([name, data]) => {
    return `${name}:${data.length}:${createHash('sha256').update(data).digest('hex')}\n`;
  });
  const infoText = `${headerLine}\n${lines.join('')}`;
  const shape: Shape = {
    kind,
    headerLine,
    headerFill: '',
    infoText,
    infoEnd: '',
    entries: [],
    tarEnd: Buffer.alloc(0),
    pack: kind === 'cvd' ? (tar) => gzip(tar) : (tar) => tar,
  };
  const info: ShapeEntry = { ...entryOf(INFO_NAME, infoOf(shape)), data: undefined };
  shape.entries = [
    entryOf('COPYING', Buffer.from('Whoever reads this is running a test.\n')),
    info,
    ...[...files].map(([name, data]) => entryOf(name, data)),
  ];
  return shape;
}

export function entryOf(name: string, data: Buffer): ShapeEntry {
  return {
    block: encodeTarHeader({ name, size: data.length }),
    data,
    padding: Buffer.alloc(paddingOf(data.length)),
  };
}

/** The bytes of the container; a CVD is signed by the keys of the tests, whatever became of its parts. */
export function assemble(shape: Shape): Buffer {
  const info = infoOf(shape);
  const tar = Buffer.concat([
    ...shape.entries.flatMap(({ block, data, padding }) => [block, data ?? info, padding]),
    shape.tarEnd,
  ]);
  const body = shape.pack(tar);
  const head = Buffer.alloc(512, ' ');
  const line = shape.kind === 'cvd' ? sealed(shape.headerLine, body) : shape.headerLine;
  head.write(line + shape.headerFill, 'latin1');
  return Buffer.concat([head, body]);
}

/** Makes the entry of `.info` as long as it has become. */
export function refitInfo(shape: Shape): void {
  const data = infoOf(shape);
  for (const entry of shape.entries) {
    if (entry.data === undefined) Object.assign(entry, { ...entryOf(INFO_NAME, data), data: undefined });
  }
}

function infoOf({ infoText, infoEnd }: Shape): Buffer {
  const text = Buffer.from(infoText, 'latin1');
  const dsig = makeTestKeys().signInfo(createHash('sha256').update(text).digest());
  return Buffer.concat([text, Buffer.from(`DSIG:${dsig}\n${infoEnd}`, 'latin1')]);
}

function sealed(line: string, body: Buffer): string {
  const md5 = createHash('md5').update(body).digest('hex');
  const fields = line.split(':');
  fields[5] = md5;
  fields[6] = makeTestKeys().signHeader(md5);
  return fields.join(':');
}

/** Makes the checksum of a tar header right, in the form that sigtool writes or another one. */
export function rechecksum(
  block: Buffer,
  form = (sum: number) => `${sum.toString(8).padStart(6, '0')}\0\0`,
): void {
  block.fill(0x20, 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(form(sum).slice(0, 8).padEnd(8, '\0'), 148, 'latin1');
}

/** One gzip member with any of its optional fields. */
export function gzip(
  bytes: Uint8Array,
  { level = 9, flags = 0, extra = Buffer.alloc(0), crc = 0, size = 0 } = {},
): Buffer {
  const header = Buffer.concat([Buffer.of(0x1f, 0x8b, 8, flags, 0, 0, 0, 0, 2, 3), extra]);
  const trailer = Buffer.alloc(8);
  trailer.writeUInt32LE((crc32(bytes) ^ crc) >>> 0, 0);
  trailer.writeUInt32LE((bytes.length + size) >>> 0, 4);
  return Buffer.concat([header, deflateRawSync(bytes, { level }), trailer]);
}
