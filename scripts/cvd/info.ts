import { createHash } from 'node:crypto';
import { CVD_ENTRIES, HEADER_NUMBER, INFO_BYTES } from '../base/limits/databases.ts';
import { CvdError } from './error.ts';
import { type CvdHeader, encodeHeaderLine, parseHeaderLine, UNSEALED } from './header.ts';

/** One file of the container as `<database>.info` lists it. */
export interface InfoFile {
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** 64 lowercase hex digits. */
  readonly sha256: string;
}

/**
 * Content of `<database>.info`: the unsealed header, the files in the container's order, and the signature
 * (clamav-formats.md §4). Source: libclamav/dbio.c, cli_dbinfo; libclamav/readdb.c, cli_loadinfo().
 */
export interface CvdInfo {
  readonly header: CvdHeader;
  readonly files: readonly InfoFile[];
  /** The signature over `infoDigest`. */
  readonly dsig: string;
}

/** Parses a whole `.info`. Throws `cvd/info`, `cvd/header` or `cvd/too-large`. */
export function parseInfo(bytes: Uint8Array): CvdInfo {
  if (bytes.length > INFO_BYTES) {
    throw new CvdError('cvd/too-large', `.info has ${bytes.length} bytes, more than ${INFO_BYTES}`);
  }
  const text = Buffer.from(bytes).toString('latin1');
  if (!text.endsWith('\n')) throw new CvdError('cvd/info', '.info does not end with a newline');
  const [first, ...rest] = text.slice(0, -1).split('\n');
  const last = rest.pop();
  if (first === undefined || last === undefined)
    throw new CvdError('cvd/info', '.info has fewer than two lines');
  const header = parseHeaderLine(first);
  if (header.md5 !== UNSEALED) throw new CvdError('cvd/info', 'line 1 of .info has an MD5 where X belongs');
  const dsig = /^DSIG:([A-Za-z0-9+/]{100,350})$/.exec(last)?.[1];
  if (dsig === undefined) throw new CvdError('cvd/info', 'the last line of .info is not its signature');
  if (rest.length > CVD_ENTRIES) {
    throw new CvdError('cvd/too-large', `.info lists ${rest.length} files, more than ${CVD_ENTRIES}`);
  }
  const files = rest.map(parseFile);
  if (new Set(files.map((file) => file.name)).size !== files.length) {
    throw new CvdError('cvd/info', '.info lists a file twice');
  }
  return { header, files, dsig };
}

/** Encodes a `.info`. Inverse of `parseInfo`. */
export function encodeInfo(info: CvdInfo): Uint8Array {
  return Buffer.from(`${signedPart(info)}DSIG:${info.dsig}\n`, 'latin1');
}

/** SHA-256 of the bytes that the signature covers: all before `DSIG:`. */
export function infoDigest(info: Omit<CvdInfo, 'dsig'>): Uint8Array {
  return createHash('sha256').update(signedPart(info), 'latin1').digest();
}

function signedPart({ header, files }: Omit<CvdInfo, 'dsig'>): string {
  const lines = files.map(({ name, size, sha256 }) => `${name}:${size}:${sha256}\n`);
  return `${encodeHeaderLine(header)}\n${lines.join('')}`;
}

/**
 * Parses a line for a file. A `/` in a name is fatal (§4), and the length is what a tar header holds. ClamAV would
 * take a file called `DSIG` or `ClamAV-VDB` for the signature or the header, by the start of the line.
 */
function parseFile(line: string): InfoFile {
  const match = /^([A-Za-z0-9][A-Za-z0-9._-]{0,98}):(0|[1-9]\d{0,10}):([0-9a-f]{64})$/.exec(line);
  const [, name, size, sha256] = match ?? [];
  const isOther = name === 'DSIG' || name === 'ClamAV-VDB';
  if (name === undefined || size === undefined || sha256 === undefined || isOther) {
    throw new CvdError('cvd/info', `a line of .info is malformed: ${JSON.stringify(line.slice(0, 120))}`);
  }
  if (Number(size) > HEADER_NUMBER) {
    throw new CvdError('cvd/too-large', `.info lists ${name} with ${size} bytes, more than ${HEADER_NUMBER}`);
  }
  return { name, size: Number(size), sha256 };
}
