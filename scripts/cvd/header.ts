import { HEADER_NUMBER } from '../base/limits/databases.ts';
import { recognise } from './container/recognise.ts';
import { CvdError } from './error.ts';

/** Bytes in a CVD or CLD header (clamav-formats.md §1). */
export const HEADER_SIZE = 512;

/** What stands in the `md5` and `dsig` fields of a header that is not sealed: in `.info` and in `.cld` files. */
export const UNSEALED = 'X';

/**
 * The nine fields of a header, `ClamAV-VDB:time:version:signatures:f-level:md5:dsig:builder:stime`.
 * Source: libclamav/cvd.c, cl_cvdparse().
 */
export interface CvdHeader {
  /** Build time as text: `22 Jun 2021 21-34 -0400` (a hyphen inside the clock time). */
  readonly time: string;
  readonly version: number;
  /** How many signatures the database says it holds. */
  readonly signatures: number;
  /** The f-level (engine functionality level) that the database wants. */
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

/** The 512 bytes of a header: the inverse of `parseHeader`. */
export function encodeHeader(header: CvdHeader): Uint8Array {
  const line = encodeHeaderLine(header);
  if (line.length > HEADER_SIZE) {
    throw new CvdError('cvd/header', `the header is ${line.length} bytes long, more than ${HEADER_SIZE}`);
  }
  return Buffer.from(line.padEnd(HEADER_SIZE, ' '), 'latin1');
}

/** Parses a header without its padding, as line 1 of `.info` holds it. Throws `cvd/header`. */
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

/** The header as one line without padding: the inverse of `parseHeaderLine`. */
export function encodeHeaderLine(header: CvdHeader): string {
  const { time, version, signatures, fLevel, md5, dsig, builder, stime } = header;
  return ['ClamAV-VDB', time, version, signatures, fLevel, md5, dsig, builder, stime].join(':');
}

/** Line 1 of `.info` is the header with its MD5 and signature taken out (clamav-formats.md §4). */
export function unseal(header: CvdHeader): CvdHeader {
  return { ...header, md5: UNSEALED, dsig: UNSEALED };
}

/** `time` and `stime` are the same moment; ClamAV does not compare them, so a changed text went unnoticed. */
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

/** Decimal without leading zeros, so that each header has one spelling, and no larger than ClamAV can tell apart. */
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
