import { createHash } from 'node:crypto';
import { COPYING_BYTES, INFO_BYTES } from '../base/limits/databases.ts';
import { collect } from './bytes.ts';
import { Patch } from './cdiff/patch.ts';
import { CdiffReader } from './cdiff/reader.ts';
import { OldContainer } from './container/old-container.ts';
import { COPYING, type ContainerOrder, encodeTar, orderOf, type TarFile } from './container/writer.ts';
import type { MatchListener } from './deflate/inflate.ts';
import { CvdError } from './error.ts';
import { type CvdHeader, encodeHeaderLine, UNSEALED, unseal } from './header.ts';
import { type CvdInfo, type InfoFile, parseInfo } from './info.ts';
import { cdiffName } from './names.ts';

/** Sources of a new version. Nothing here is proven yet, and `Rebuild` proves no signature. */
export interface RebuildSources {
  /** Name of the database, as in `<database>.info`. */
  readonly database: string;
  /** Gives all bytes of the old CVD, each time it is called. */
  readonly old: () => Iterable<Uint8Array>;
  /** Bytes of each CDIFF after the old version, up to the new version's. */
  readonly cdiffs: Iterable<{ readonly version: number; readonly bytes: Iterable<Uint8Array> }>;
  /** Header of the new version: the first 512 bytes of upstream's CVD. */
  readonly header: CvdHeader;
  /** Gets the matches that the old CVD is made of, before the bytes that they make. */
  readonly match?: MatchListener | undefined;
}

/**
 * Makes the tar of a new version from the old CVD and the CDIFFs in between (clamav-formats.md §0.1, §4). A `CvdWriter`
 * turns it into the CVD. That is the official one if its MD5 is the one in the header.
 */
export class Rebuild {
  /** `.info` of the new version, with a signature that is not verified yet. */
  readonly info: CvdInfo;
  readonly #database: string;
  readonly #old: OldContainer;
  readonly #patch: Patch;
  readonly #infoBytes: Uint8Array;

  /** Reads all CDIFFs. Throws `CvdError`; after `cvd/too-large` a download of the CVD is cheaper. */
  constructor({ database, old, cdiffs, header, match }: RebuildSources) {
    this.#database = database;
    this.#old = new OldContainer(old, match);
    const infoName = `${database}.info`;
    try {
      const before = parseInfo(whole(infoName, this.#old.read(infoName), INFO_BYTES));
      const names = [COPYING, infoName, ...before.files.map((file) => file.name)];
      this.#patch = new Patch(names, (name) => this.#old.read(name));
      applyCdiffs(this.#patch, before.header.version, cdiffs);
      this.#infoBytes = whole(infoName, this.#patch.read(infoName), INFO_BYTES);
    } finally {
      this.#old.close();
    }
    this.info = parseInfo(this.#infoBytes);
    requireHeader(this.info, header);
    requireSameFiles(this.info, this.#patch.names, infoName);
  }

  /**
   * Makes the new tar, in chunks of any size. Only one tar may be read at a time. Every file that `.info` lists is
   * compared with it on the way. Throws `cvd/rebuild` for a file that differs, `cvd/patch` for a command that does not
   * fit.
   */
  *tar(order: ContainerOrder = 'info'): Generator<Uint8Array> {
    try {
      yield* encodeTar(this.#files(order));
    } finally {
      this.#old.close();
    }
  }

  /** Place in the old tar of the bytes of a chunk that `tar` made, if they are from there. */
  oldPlaceOf(chunk: Uint8Array): number | undefined {
    return this.#old.placeOf(chunk);
  }

  *#files(order: ContainerOrder): Generator<TarFile> {
    const listed = new Map(this.info.files.map((file) => [file.name, file]));
    for (const name of orderOf(this.#database, this.info, order)) {
      const file = listed.get(name);
      if (file !== undefined) yield { name, size: file.size, data: this.#compared(file) };
      else if (name === COPYING) yield inMemory(name, whole(name, this.#patch.read(name), COPYING_BYTES));
      else yield inMemory(name, this.#infoBytes);
    }
  }

  *#compared({ name, size, sha256 }: InfoFile): Generator<Uint8Array> {
    const hash = createHash('sha256');
    let length = 0;
    for (const chunk of this.#patch.read(name)) {
      length += chunk.length;
      hash.update(chunk);
      yield chunk;
    }
    if (length === size && hash.digest('hex') === sha256) return;
    const last = this.#patch.changedBy(name);
    const when = last === undefined ? 'in the old container' : `after ${cdiffName(this.#database, last)}`;
    throw new CvdError('cvd/rebuild', `${name} ${when} is not the file that the new .info lists`);
  }
}

/** Requires a CDIFF for each step, and its version inside, which ClamAV does not compare (clamav-formats.md §3). */
function applyCdiffs(patch: Patch, from: number, cdiffs: RebuildSources['cdiffs']): void {
  let expected = from;
  for (const { version, bytes } of cdiffs) {
    expected++;
    if (version !== expected) {
      throw new CvdError('cvd/rebuild', `the CDIFF to ${expected} is missing before the one to ${version}`);
    }
    const script = patch.script(version);
    const reader = new CdiffReader({
      header: (header) => {
        if (header.version === version) return;
        throw new CvdError('cvd/rebuild', `the CDIFF to ${version} says that it leads to ${header.version}`);
      },
      script: (chunk) => script.write(chunk),
    });
    for (const chunk of bytes) reader.write(chunk);
    reader.end();
    script.end();
  }
}

/**
 * Requires the new header to be the sealed form of line 1 of `.info` (clamav-formats.md §1), to which the CDIFFs led.
 */
function requireHeader(info: CvdInfo, header: CvdHeader): void {
  if (header.md5 === UNSEALED) throw new CvdError('cvd/rebuild', 'the new header is not sealed');
  const [given, made] = [unseal(header), info.header].map(encodeHeaderLine);
  if (given !== made) {
    throw new CvdError('cvd/rebuild', `the CDIFFs lead to "${made}", the new header is "${given}"`);
  }
}

function requireSameFiles(info: CvdInfo, names: ReadonlySet<string>, infoName: string): void {
  const listed = new Set([COPYING, infoName, ...info.files.map((file) => file.name)]);
  if (listed.size !== info.files.length + 2) {
    throw new CvdError('cvd/rebuild', 'the new .info lists COPYING or itself');
  }
  const missing = [...listed].find((name) => !names.has(name));
  if (missing !== undefined) {
    throw new CvdError('cvd/rebuild', `the new .info lists ${missing}, which no CDIFF makes`);
  }
  const stray = [...names].find((name) => !listed.has(name));
  if (stray !== undefined) {
    throw new CvdError('cvd/rebuild', `the new .info does not list ${stray}, which no CDIFF removes`);
  }
}

function inMemory(name: string, bytes: Uint8Array): TarFile {
  return { name, size: bytes.length, data: [bytes] };
}

function whole(name: string, chunks: Iterable<Uint8Array>, limit: number): Uint8Array {
  const bytes = collect(chunks, limit);
  if (bytes === undefined) throw new CvdError('cvd/too-large', `${name} is longer than ${limit} bytes`);
  return bytes;
}
