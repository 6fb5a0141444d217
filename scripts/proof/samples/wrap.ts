import { crc32, deflateRawSync, gzipSync } from 'node:zlib';
import { encodeTar } from '../../cvd/container/writer.ts';

/** File to wrap: its name has only letters, digits, `.` and `-`. */
export interface WrappedFile {
  readonly name: string;
  readonly data: Uint8Array;
}

/** Encodes a ZIP archive of one deflated file. Source: PKWARE's APPNOTE.TXT, §4.3.7, §4.3.12, §4.3.16. */
export function encodeZip({ name, data }: WrappedFile): Buffer {
  const packed = deflateRawSync(data);
  const common = Buffer.alloc(26); // part of both the local and the central header
  common.writeUInt16LE(20, 0); // needs version 2.0
  common.writeUInt16LE(8, 4); // deflated
  common.writeUInt16LE(0x21, 8); // date: 1 January 1980, the earliest possible
  common.writeUInt32LE(crc32(data), 10);
  common.writeUInt32LE(packed.length, 14);
  common.writeUInt32LE(data.length, 18);
  common.writeUInt16LE(name.length, 22);
  const local = Buffer.concat([Buffer.from('PK\x03\x04'), common, Buffer.from(name), packed]);
  const rest = Buffer.alloc(14); // the file begins at offset 0
  const central = Buffer.concat([Buffer.from('PK\x01\x02\x14\0'), common, rest, Buffer.from(name)]);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06');
  end.writeUInt16LE(1, 8);
  end.writeUInt16LE(1, 10);
  end.writeUInt32LE(central.length, 12);
  end.writeUInt32LE(local.length, 16);
  return Buffer.concat([local, central, end]);
}

/** Encodes a compressed tar archive of one file. */
export function encodeTarGz({ name, data }: WrappedFile): Buffer {
  const tar = encodeTar([{ name, size: data.length, data: [data] }]);
  return gzipSync(Buffer.concat([...tar, Buffer.alloc(1024)]));
}

/** Encodes an e-mail with one attachment (RFC 2045, RFC 2046). */
export function encodeMail({ name, data }: WrappedFile): Buffer {
  const lines = [
    'From: a@example.org',
    'To: b@example.org',
    'Subject: a mail with an attachment',
    'MIME-Version: 1.0',
    'Content-Type: multipart/mixed; boundary="next-part"',
    '',
    '--next-part',
    'Content-Type: text/plain',
    '',
    'See the attachment.',
    '--next-part',
    'Content-Type: application/octet-stream',
    'Content-Transfer-Encoding: base64',
    `Content-Disposition: attachment; filename="${name}"`,
    '',
    ...(Buffer.from(data)
      .toString('base64')
      .match(/.{1,76}/g) ?? []),
    '--next-part--',
    '',
  ];
  return Buffer.from(lines.join('\r\n'));
}
