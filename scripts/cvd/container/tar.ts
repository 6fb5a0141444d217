import { CLD_ENTRIES, CONTAINER_BYTES, END_BLOCKS, ENTRY_BYTES } from '../../base/limits/databases.ts';
import { CvdError } from '../error.ts';

/** Names that no file can have: ClamAV's programs cannot unpack a container with one of them. */
const FOLDERS = ['.', '..'];
/** Bytes in front of a file's data. */
export const TAR_HEADER_SIZE = 512;
const BLOCK_SIZE = TAR_HEADER_SIZE;
/** Offset of the checksum in a header. It is summed as if it were eight spaces. */
const CHECKSUM_AT = 148;
/** Range of the name that a link leads to. */
const LINK_NAME = [157, 257] as const;
/** Range of the text that POSIX puts in front of the name. */
const NAME_PREFIX = [345, BLOCK_SIZE] as const;

/** One file of a container. */
export interface TarEntry {
  readonly name: string;
  /** Bytes. */
  readonly size: number;
}

/** Receives each entry, then its data in pieces that are only valid during the call. */
export interface TarHandler {
  entry(entry: TarEntry): void;
  data(chunk: Uint8Array): void;
}

/** Most that a tar may hold. */
export interface TarLimits {
  /** Number of files. */
  readonly entries?: number;
  /** Bytes, headers and padding included. */
  readonly size?: number;
}

/**
 * Reads the tar of a CVD from a stream (clamav-formats.md §5) in a way that every other reader agrees with: ClamAV's C
 * code, which looks at name, type and size only, and the tar library with which ClamAV 1.5 unpacks. Stricter than
 * both: the checksum must be right, the padding zero, the size plain digits, the name in its one place. No name may
 * come twice, and only a few blocks of zeros may follow an end block. Source: libclamav/cvd.c, cli_tgzload(),
 * cli_untgz().
 */
export class TarReader {
  readonly #handler: TarHandler;
  readonly #block = Buffer.alloc(BLOCK_SIZE);
  readonly #names = new Set<string>();
  readonly #limits: Required<TarLimits>;
  #total = 0;
  #endBlocks = 0;
  #filled = 0;
  #data = 0;
  #padding = 0;

  constructor(handler: TarHandler, limits: TarLimits = {}) {
    this.#handler = handler;
    this.#limits = { entries: CLD_ENTRIES, size: CONTAINER_BYTES, ...limits };
  }

  /** Throws `cvd/tar`, `cvd/too-large`. */
  write(chunk: Uint8Array): void {
    this.#total += chunk.length;
    if (this.#total > this.#limits.size) {
      throw new CvdError('cvd/too-large', `the container has more than ${this.#limits.size} bytes`);
    }
    let rest = chunk;
    while (rest.length > 0) {
      if (this.#data > 0) rest = this.#takeData(rest);
      else if (this.#padding > 0) rest = this.#takePadding(rest);
      else rest = this.#takeHeader(rest);
    }
  }

  /** Throws `cvd/tar` if the tar stops inside an entry. */
  end(): void {
    if (this.#filled > 0 || this.#data > 0 || this.#padding > 0) {
      throw new CvdError('cvd/tar', 'the container ends inside an entry');
    }
  }

  #takeData(chunk: Uint8Array): Uint8Array {
    const part = chunk.subarray(0, this.#data);
    this.#data -= part.length;
    this.#handler.data(part);
    return chunk.subarray(part.length);
  }

  #takePadding(chunk: Uint8Array): Uint8Array {
    const part = chunk.subarray(0, this.#padding);
    if (!isZero(part)) throw new CvdError('cvd/tar', 'the padding of an entry is not zero');
    this.#padding -= part.length;
    return chunk.subarray(part.length);
  }

  #takeHeader(chunk: Uint8Array): Uint8Array {
    const part = chunk.subarray(0, BLOCK_SIZE - this.#filled);
    this.#block.set(part, this.#filled);
    this.#filled += part.length;
    if (this.#filled === BLOCK_SIZE) {
      this.#filled = 0;
      this.#startEntry();
    }
    return chunk.subarray(part.length);
  }

  #startEntry(): void {
    if (isZero(this.#block)) {
      if (++this.#endBlocks <= END_BLOCKS) return;
      throw new CvdError('cvd/too-large', `more than ${END_BLOCKS} blocks of zeros end the container`);
    }
    if (this.#endBlocks > 0) throw new CvdError('cvd/tar', 'data follows the end of the container');
    const entry = parseTarHeader(this.#block);
    if (this.#names.has(entry.name)) throw new CvdError('cvd/tar', `${entry.name} is in the container twice`);
    this.#names.add(entry.name);
    if (this.#names.size > this.#limits.entries) {
      throw new CvdError('cvd/too-large', `the container holds more than ${this.#limits.entries} files`);
    }
    this.#data = entry.size;
    this.#padding = paddingOf(entry.size);
    this.#handler.entry(entry);
  }
}

/** Parses the 512 bytes before an entry's data. Throws `cvd/tar`, `cvd/too-large`. */
export function parseTarHeader(block: Buffer): TarEntry {
  const name = fieldAt(block, 0, 100);
  if (!/^[!-.0-~]{1,100}$/.test(name) || FOLDERS.includes(name)) {
    throw new CvdError('cvd/tar', `an entry has the name ${JSON.stringify(name)}`);
  }
  const size = octal(fieldAt(block, 124, 12));
  const type = block[156];
  if (type !== 0 && type !== 0x30) throw new CvdError('cvd/tar', `${name} is not a plain file`);
  if (octal(fieldAt(block, CHECKSUM_AT, 8).trimEnd()) !== checksum(block)) {
    throw new CvdError('cvd/tar', `the tar header of ${name} has a wrong checksum`);
  }
  if (!isZero(block.subarray(...LINK_NAME)) || !isZero(block.subarray(...NAME_PREFIX))) {
    throw new CvdError('cvd/tar', `the tar header of ${name} holds another name`);
  }
  requireSize(name, size);
  return { name, size };
}

/**
 * Encodes the 512 bytes before an entry's data as sigtool writes them: name, size and checksum, all else zero (§5).
 * Throws like `parseTarHeader`.
 */
export function encodeTarHeader({ name, size }: TarEntry): Buffer {
  const block = Buffer.alloc(BLOCK_SIZE);
  if (!/^[!-.0-~]{1,99}$/.test(name) || FOLDERS.includes(name)) {
    throw new CvdError('cvd/tar', `not a name for an entry: ${JSON.stringify(name)}`);
  }
  if (!Number.isSafeInteger(size) || size < 0) {
    throw new CvdError('cvd/tar', `${name} cannot be ${size} bytes long`);
  }
  requireSize(name, size);
  block.write(name, 0, 'latin1');
  block.write(size.toString(8), 124, 'latin1');
  block.write(checksum(block).toString(8).padStart(6, '0'), CHECKSUM_AT, 'latin1');
  return block;
}

/** Number of zero bytes after an entry of `size` bytes. */
export function paddingOf(size: number): number {
  return (BLOCK_SIZE - (size % BLOCK_SIZE)) % BLOCK_SIZE;
}

function requireSize(name: string, size: number): void {
  if (size <= ENTRY_BYTES) return;
  throw new CvdError('cvd/too-large', `${name} has ${size} bytes, more than ${ENTRY_BYTES}`);
}

function isZero(bytes: Uint8Array): boolean {
  for (let at = 0; at < bytes.length; at++) if (bytes[at] !== 0) return false;
  return true;
}

function checksum(block: Uint8Array): number {
  let sum = 8 * 0x20;
  for (const [at, byte] of block.entries()) {
    if (at < CHECKSUM_AT || at >= CHECKSUM_AT + 8) sum += byte;
  }
  return sum;
}

function fieldAt(block: Buffer, at: number, length: number): string {
  const field = block.subarray(at, at + length);
  const end = field.indexOf(0);
  return field.toString('latin1', 0, end === -1 ? length : end);
}

function octal(text: string): number {
  if (!/^[0-7]{1,12}$/.test(text))
    throw new CvdError('cvd/tar', `not an octal number: ${JSON.stringify(text)}`);
  return Number.parseInt(text, 8);
}
