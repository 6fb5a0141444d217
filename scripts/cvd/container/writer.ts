import { createHash } from 'node:crypto';
import { GZIP_HEADER, Gzip } from '../deflate/gzip.ts';
import type { MatchLog } from '../deflate/match-log.ts';
import { CvdError } from '../error.ts';
import { type CvdHeader, encodeHeader, HEADER_SIZE } from '../header.ts';
import type { CvdInfo } from '../info.ts';
import type { CvdTotals } from './reader.ts';
import { encodeTarHeader, paddingOf, type TarEntry } from './tar.ts';

/**
 * Order of the files in a container (clamav-formats.md §5). Neither the header nor `.info` names it: try `hybrid` when
 * `info` gives another MD5. Source: sigtool/sigtool.c, build().
 */
export type ContainerOrder = 'info' | 'hybrid';

export const COPYING = 'COPYING';

/** Names of all files of a container, in order. */
export function orderOf(database: string, info: CvdInfo, order: ContainerOrder): string[] {
  const listed = info.files.map((file) => file.name);
  const early = order === 'info' ? [] : listed.filter((name) => name.endsWith('.cbc'));
  if (order === 'hybrid' && listed.includes('last.hdb')) early.push('last.hdb');
  const late = listed.filter((name) => !early.includes(name));
  return [COPYING, ...early, `${database}.info`, ...late];
}

/** A file to put into a container. */
export interface TarFile extends TarEntry {
  readonly data: Iterable<Uint8Array>;
}

/**
 * Makes the tar of a container, without end blocks (clamav-formats.md §5). Throws `cvd/tar`, and errors of a file's
 * data.
 */
export function* encodeTar(files: Iterable<TarFile>): Generator<Uint8Array> {
  for (const file of files) {
    yield encodeTarHeader(file);
    let missing = file.size;
    for (const chunk of file.data) {
      missing -= chunk.length;
      yield chunk;
    }
    if (missing !== 0) throw new CvdError('cvd/tar', `${file.name} is not as long as it was said to be`);
    yield new Uint8Array(paddingOf(file.size));
  }
}

/** Makes a CVD from its header and its tar. */
export class CvdWriter {
  readonly #gzip: Gzip;
  readonly #sha256 = createHash('sha256');
  readonly #md5 = createHash('md5');
  #size = HEADER_SIZE;

  /**
   * `gzipHeader`: bytes 512 to 521 of the CVD. `onData` owns the bytes it gets. `old`: matches of an older CVD.
   * Throws `cvd/header`, `cvd/gzip`.
   */
  constructor(
    header: CvdHeader,
    gzipHeader: Uint8Array,
    onData: (chunk: Uint8Array) => void,
    old?: MatchLog,
  ) {
    const bytes = encodeHeader(header);
    this.#gzip = new Gzip(
      gzipHeader,
      (chunk) => {
        this.#size += chunk.length;
        this.#sha256.update(chunk);
        this.#md5.update(chunk);
        onData(chunk);
      },
      old,
    );
    this.#sha256.update(bytes);
    onData(bytes);
  }

  /** `place`: that of the same bytes in the older CVD's tar. */
  write(tar: Uint8Array, place?: number): void {
    this.#gzip.write(tar, place);
  }

  /** Ends the CVD. It is the official one if and only if `md5` is the one in the signed header. */
  end(): CvdTotals {
    this.#gzip.end();
    return { size: this.#size, sha256: this.#sha256.digest('hex'), md5: this.#md5.digest('hex') };
  }
}

/** Makes a whole CVD in memory, for small ones. `sign` gives the dsig for an MD5. Throws `cvd/header`, `cvd/tar`. */
export function encodeCvd(
  header: CvdHeader,
  files: Iterable<TarFile>,
  sign: (md5: string) => string,
  gzipHeader = GZIP_HEADER,
): Buffer {
  const body: Uint8Array[] = [];
  const gzip = new Gzip(gzipHeader, (chunk) => body.push(chunk));
  for (const chunk of encodeTar(files)) gzip.write(chunk);
  gzip.end();
  const hash = createHash('md5');
  for (const chunk of body) hash.update(chunk);
  const md5 = hash.digest('hex');
  return Buffer.concat([encodeHeader({ ...header, md5, dsig: sign(md5) }), ...body]);
}
