import { HEADER_NUMBER } from '../base/limits/databases.ts';
import { recognise } from './container/recognise.ts';
import { CvdError } from './error.ts';

/** Bytes in a CVD or CLD header (clamav-formats.md §1). */
export const HEADER_SIZE = 512;

/** Value of the `md5` and `dsig` fields of an unsealed header, as in `.info` and in `.cld` files. */
export const UNSEALED = 'X';

/**
 * Fields of a header, `ClamAV-VDB:time:version:signatures:f-level:md5:dsig:builder:stime`.
 * Source: libclamav/cvd.c, cl_cvdparse().
 */
export interface CvdHeader {
  /** Build time as text, with a hyphen between hours and minutes: `22 Jun 2021 21-34 -0400`. */
  readonly time: string;
  readonly version: number;
  /** Number of signatures that the database claims. */
  readonly signatures: number;
  /** Lowest f-level (functionality level of an engine) that the database is made for. */
  readonly fLevel: number;
  /** 32 lowercase hex digits over all bytes from offset 512 on, or `X`. */
  readonly md5: string;
  /** The signature over `md5`, or `X`. */
  readonly dsig: string;
  readonly builder: string;
  /** Build time in seconds since 1970. */
  readonly stime: number;
}

/** Parses the first 512 bytes of a CVD or CLD. Throws `cvd/header`. */
export function parseHeader(bytes: Uint8Array): CvdHeader {
  const other = recognise(bytes);
  if (other !== undefined) {
    const { what, advice } = other;
    throw new CvdError('cvd/header', `not a ClamAV database: it is ${what}`, { advice });
  }
  if (bytes.length !== HEADER_SIZE) {
    throw new CvdError('cvd/header', `a header has ${HEADER_SIZE} bytes, here are ${bytes.length}`);
  }
  return parseHeaderLine(latin1(bytes).replace(/ +$/, ''));
}

/** Encodes the 512 bytes of a header. Inverse of `parseHeader`. */
export function encodeHeader(header: CvdHeader): Uint8Array {
  const line = encodeHeaderLine(header);
  if (line.length > HEADER_SIZE) {
    throw new CvdError('cvd/header', `the header is ${line.length} bytes long, more than ${HEADER_SIZE}`);
  }
  return Buffer.from(line.padEnd(HEADER_SIZE, ' '), 'latin1');
}

/** Parses a header without its padding, as in line 1 of `.info`. Throws `cvd/header`. */
export function parseHeaderLine(line: string): CvdHeader {
  const fields = line.split(':');
  const [magic, time, version, signatures, fLevel, md5, dsig, builder, stime] = fields;
  if (magic !== 'ClamAV-VDB')
    throw new CvdError('cvd/header', `not a ClamAV database: it starts with ${start(line)}`);
  if (fields.length !== 9 || stime === undefined) {
    throw new CvdError('cvd/header', `a header has 9 fields, here are ${fields.length}`);
  }
  if (!/^[\x20-\x7e]*$/.test(line))
    throw new CvdError('cvd/header', 'the header holds bytes that are not text');
  const header: CvdHeader = {
    time: matching(time, /^\d{1,2} [A-Z][a-z]{2} \d{4} \d\d-\d\d [+-]\d{4}$/, 'time'),
    version: wholeNumber(version, 'version'),
    signatures: wholeNumber(signatures, 'signature count'),
    fLevel: wholeNumber(fLevel, 'f-level'),
    md5: matching(md5, /^([0-9a-f]{32}|X)$/, 'MD5'),
    dsig: matching(dsig, /^([A-Za-z0-9+/]{100,350}|X)$/, 'signature'),
    builder: matching(builder, /^[!-~]+$/, 'builder'),
    stime: wholeNumber(stime, 'stime'),
  };
  if ((header.md5 === UNSEALED) !== (header.dsig === UNSEALED)) {
    throw new CvdError('cvd/header', 'the header has one of MD5 and signature, but not the other');
  }
  requireSameMinute(header);
  return header;
}

/** Encodes a header as one line without padding. Inverse of `parseHeaderLine`. */
export function encodeHeaderLine(header: CvdHeader): string {
  const { time, version, signatures, fLevel, md5, dsig, builder, stime } = header;
  return ['ClamAV-VDB', time, version, signatures, fLevel, md5, dsig, builder, stime].join(':');
}

/** Takes MD5 and signature out of a header, which gives line 1 of `.info` (clamav-formats.md §4). */
export function unseal(header: CvdHeader): CvdHeader {
  return { ...header, md5: UNSEALED, dsig: UNSEALED };
}

/** Requires `time` and `stime` to be the same minute. ClamAV does not compare them and would miss a changed text. */
function requireSameMinute({ time, stime }: CvdHeader): void {
  const parsed = Date.parse(time.replace(/(\d\d)-(\d\d) /, '$1:$2 ')) / 1000;
  if (parsed !== stime - (stime % 60)) {
    throw new CvdError('cvd/header', `the build time "${time}" is not the moment ${stime}`);
  }
}

function matching(text: string | undefined, form: RegExp, what: string): string {
  if (text === undefined || !form.test(text)) {
    throw new CvdError('cvd/header', `the ${what} of the header is malformed: ${JSON.stringify(text)}`);
  }
  return text;
}

/** Parses a decimal without leading zeros, so each header has one spelling, and no larger than ClamAV can read. */
function wholeNumber(text: string | undefined, what: string): number {
  const value = Number(matching(text, /^(0|[1-9]\d{0,9})$/, what));
  if (value > HEADER_NUMBER) {
    throw new CvdError('cvd/header', `the ${what} of the header is ${value}, more than ${HEADER_NUMBER}`);
  }
  return value;
}

function start(line: string): string {
  return JSON.stringify(line.slice(0, 24));
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}
