import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { encodeTar } from '../../../scripts/cvd/container/writer.ts';
import { encodeHeader } from '../../../scripts/cvd/header.ts';
import { type CvdInfo, encodeInfo } from '../../../scripts/cvd/info.ts';
import { STOCK_ZLIB } from '../machine/stock-zlib.ts';
import { diffScript } from './chain.ts';
import { signatureLine } from './signatures.ts';
import { makeCdiff, makeHeader, makeTestKeys, signInfo } from './signing.ts';

/** Where one version of a big database is. */
export interface BigVersion {
  readonly version: number;
  readonly cvd: string;
  /** From the version before; the first one has none. */
  readonly cdiff: string | undefined;
}

/**
 * Writes `versions` versions of a signed database of about `megabytes` MB inflated into `folder`, in pieces, with
 * the CDIFFs in between. The containers are compressed by Python's stock zlib, so that what the project compresses
 * itself has something independent to be compared with.
 */
export async function writeBigDatabase(
  folder: string,
  database: string,
  { megabytes, versions }: { megabytes: number; versions: number },
): Promise<BigVersion[]> {
  const written: BigVersion[] = [];
  let before: CvdInfo | undefined;
  for (let version = 1; version <= versions; version++) {
    const large = FILES.map(([extension, share, form]) => {
      return new BigFile(`${database}.${extension}`, Math.ceil(megabytes * share * 1e6), form);
    });
    const small = SMALL_FILES.map((story) => new SmallFile(database, story));
    const files = [...small.slice(0, 8), ...large, ...small.slice(8)].filter((file) =>
      file.existsIn(version),
    );
    const info = signInfo({
      header: makeHeader(database, version),
      files: files.map((file) => ({ name: file.name, ...measure(file.content(version)) })),
    });
    const cvd = join(folder, `${database}-${version}.cvd`);
    await writeCvd(cvd, database, info, files, version);
    let cdiff: string | undefined;
    if (before !== undefined) {
      cdiff = join(folder, `${database}-${version}.cdiff`);
      const name = `${database}.info`;
      const infos = diffScript(new Map([[name, encodeInfo(before)]]), new Map([[name, encodeInfo(info)]]));
      const script = Buffer.concat([infos, ...[...large, ...small].map((file) => file.script(version))]);
      writeFileSync(cdiff, makeCdiff(version, script));
    }
    written.push({ version, cvd, cdiff });
    before = info;
  }
  return written;
}

/** What a version changes: of every so many lines one is deleted or exchanged, and some are added. */
const DELETED_OF = 5003;
const EXCHANGED_OF = 4001;
const ADDED = 500;

/** A file whose lines are made up from their numbers, so that none of them has to be kept. */
class BigFile implements GeneratedFile {
  readonly name: string;
  readonly #lines: number;
  readonly #form: number;

  constructor(name: string, bytes: number, form: number) {
    this.name = name;
    this.#form = form;
    this.#lines = Math.ceil(bytes / this.#text(0, 1).length);
  }

  existsIn(): boolean {
    return true;
  }

  *content(version: number): Generator<Buffer> {
    let text = '';
    for (const { now } of this.#changes(version)) {
      if (now === undefined) continue;
      text += now;
      if (text.length < 64 * 1024) continue;
      yield Buffer.from(text, 'latin1');
      text = '';
    }
    yield Buffer.from(text, 'latin1');
  }

  script(version: number): Buffer {
    const commands = [`OPEN ${this.name}\n`];
    let number = 0;
    for (const { old, now } of this.#changes(version)) {
      if (old !== undefined) number++;
      if (old === now) continue;
      if (old === undefined) commands.push(`ADD ${now}`);
      else if (now === undefined) commands.push(`DEL ${number} ${old.slice(0, 16)}\n`);
      else commands.push(`XCHG ${number} ${old.slice(0, 16)} ${now}`);
    }
    return Buffer.from([...commands, 'CLOSE\n'].join(''), 'latin1');
  }

  /** Every line that was there in the version before or is there in this one. */
  *#changes(version: number): Generator<{ old: string | undefined; now: string | undefined }> {
    for (let id = 0; id < this.#lines; id++) {
      const deletedIn = id % DELETED_OF;
      const exchangedIn = id % EXCHANGED_OF;
      const isDeleted = deletedIn >= 2 && deletedIn <= version;
      if (isDeleted && deletedIn < version) continue;
      const isExchanged = exchangedIn >= 2 && exchangedIn <= version;
      const edition = isExchanged ? exchangedIn : 1;
      const now = this.#text(id, edition);
      const old = edition === version ? this.#text(id, 1) : now;
      yield { old, now: isDeleted ? undefined : now };
    }
    for (let id = this.#lines; id < this.#lines + ADDED * (version - 1); id++) {
      const now = this.#text(id, 1);
      yield { old: id < this.#lines + ADDED * (version - 2) ? now : undefined, now };
    }
  }

  #text(id: number, edition: number): string {
    return signatureLine(this.#form, id, edition);
  }
}

/** What the containers are made of. */
interface GeneratedFile {
  readonly name: string;
  existsIn(version: number): boolean;
  content(version: number): Iterable<Buffer>;
  /** From the version before. */
  script(version: number): Buffer;
}

interface SmallFileStory {
  readonly extension: string;
  /** Its content in each version, the last one for all later ones; `undefined` where it does not exist. */
  readonly contents: readonly (string | undefined)[];
  /** The commands that lead to version 2, with `@` for the database's name. */
  readonly step?: string;
}

/** One of the many files that hold little, and what CDIFFs do to files as a whole. */
class SmallFile implements GeneratedFile {
  readonly name: string;
  readonly #story: SmallFileStory;
  readonly #database: string;

  constructor(database: string, story: SmallFileStory) {
    this.name = `${database}.${story.extension}`;
    this.#database = database;
    this.#story = story;
  }

  existsIn(version: number): boolean {
    return this.#text(version) !== undefined;
  }

  content(version: number): Buffer[] {
    return [Buffer.from(this.#text(version) ?? '')];
  }

  script(version: number): Buffer {
    const step = version === 2 ? this.#story.step : undefined;
    return Buffer.from(step?.replaceAll('@', this.#database) ?? '');
  }

  #text(version: number): string | undefined {
    const { contents } = this.#story;
    return contents[Math.min(version, contents.length) - 1];
  }
}

const LINE_OF_COMMENT = '# There must always be one line in the file\n';
const constant = (extension: string): SmallFileStory => ({ extension, contents: [LINE_OF_COMMENT] });

/** Every other extension of daily; one file is new in version 2, one is gone, and lines move between two. */
const SMALL_FILES: readonly SmallFileStory[] = [
  ...['cfg', 'crb', 'cdb', 'fp', 'ftm'].map(constant),
  { extension: 'hdu', contents: [LINE_OF_COMMENT, undefined], step: 'UNLINK @.hdu\n' },
  {
    extension: 'hsu',
    contents: [undefined, 'new:1\nnew:2\n'],
    step: 'OPEN @.hsu\nADD new:1\nADD new:2\nCLOSE\n',
  },
  {
    extension: 'mdb',
    contents: ['a:1\nb:2\nc:3\nd:4\n', 'a:1\nd:4\n'],
    step: 'MOVE @.mdb @.mdu 2 b: 3 c:3\n',
  },
  { extension: 'mdu', contents: ['z:9\n', 'z:9\nb:2\nc:3\n'] },
  ...['idb', 'ign2', 'ldu', 'msb', 'msu', 'ndu', 'pdb', 'sfp', 'wdb'].map(constant),
];

/** Extensions, each with its share of the database and the form of its lines. */
const FILES: readonly [extension: string, share: number, form: number][] = [
  ['hdb', 0.2, 0],
  ['hsb', 0.3, 1],
  ['ldb', 0.4, 2],
  ['ndb', 0.1, 3],
];

function measure(chunks: Iterable<Uint8Array>): { size: number; sha256: string } {
  const hash = createHash('sha256');
  let size = 0;
  for (const chunk of chunks) {
    size += chunk.length;
    hash.update(chunk);
  }
  return { size, sha256: hash.digest('hex') };
}

async function writeCvd(
  path: string,
  database: string,
  info: CvdInfo,
  files: readonly GeneratedFile[],
  version: number,
): Promise<void> {
  const infoBytes = encodeInfo(info);
  const tar = encodeTar([
    { name: 'COPYING', size: LICENCE.length, data: [LICENCE] },
    { name: `${database}.info`, size: infoBytes.length, data: [infoBytes] },
    ...info.files.map((listed, at) => ({ ...listed, data: files[at]?.content(version) ?? [] })),
  ]);
  const md5 = createHash('md5');
  const fd = openSync(path, 'w');
  try {
    let at = 512;
    const child = spawn('python3', ['-c', STOCK_ZLIB], { stdio: ['pipe', 'pipe', 'inherit'] });
    const ended = once(child, 'close');
    const fed = pipeline(Readable.from(tar), child.stdin);
    for await (const chunk of child.stdout) {
      md5.update(chunk);
      at += writeSync(fd, chunk, 0, chunk.length, at);
    }
    await fed;
    const [code] = await ended;
    if (code !== 0) throw new Error(`python3 ended with ${code}`);
    const sealed = md5.digest('hex');
    const header = encodeHeader({ ...info.header, md5: sealed, dsig: makeTestKeys().signHeader(sealed) });
    writeSync(fd, header, 0, header.length, 0);
  } finally {
    closeSync(fd);
  }
}

const LICENCE = readFileSync(new URL('../../../package.json', import.meta.url));
