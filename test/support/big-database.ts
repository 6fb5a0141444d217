import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { encodeHeader } from '../../scripts/cvd/header.ts';
import { type CvdInfo, encodeInfo } from '../../scripts/cvd/info.ts';
import { encodeTar, evenly } from '../../scripts/cvd/pack.ts';
import { diffScript } from './chain.ts';
import { STOCK_ZLIB } from './python.ts';
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
    const files = FILES.map(([extension, share, form]) => {
      return new BigFile(`${database}.${extension}`, Math.ceil(megabytes * share * 1e6), form);
    });
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
      const script = Buffer.concat([infos, ...files.map((file) => file.script(version))]);
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
class BigFile {
  readonly name: string;
  readonly #lines: number;
  readonly #form: number;

  constructor(name: string, bytes: number, form: number) {
    this.name = name;
    this.#form = form;
    this.#lines = Math.ceil(bytes / this.#text(0, 1).length);
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

  /** From the version before. */
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
  files: readonly BigFile[],
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
    const fed = pipeline(Readable.from(evenly(tar)), child.stdin);
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

const LICENCE = readFileSync(new URL('../../package.json', import.meta.url));
