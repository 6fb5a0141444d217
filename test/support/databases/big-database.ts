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
import { BigFile, type GeneratedFile, type Step } from './big-file.ts';
import { diffScript } from './chain.ts';
import type { Form } from './signatures.ts';
import { makeCdiff, makeHeader, makeTestKeys, signInfo } from './signing.ts';
import { smallFiles } from './small-files.ts';

/** Where one version of a big database is. */
export interface BigVersion {
  readonly version: number;
  readonly cvd: string;
  /** From the version before; the first one has none. */
  readonly cdiff: string | undefined;
  /** As many as the header says. */
  readonly signatures: number;
}

/**
 * Writes a signed `main` or `daily` like those of 2026 into `folder`: version 1, and one more for each step with the
 * CDIFF that leads there. ClamAV loads them, and all find EICAR. At a `share` of 1 main has 85 MB and 3.3 million
 * signatures, daily 22 MB and 355,000; at 0.01 a hundredth. The signatures are always the same, but for those of the
 * keys. Nothing is held in memory but the CDIFFs. The containers are compressed by Python's stock zlib, so that what
 * the project compresses itself has something independent to be compared with.
 */
export async function writeBigDatabase(
  folder: string,
  database: keyof typeof CONTENTS,
  { share, steps }: { share: number; steps: readonly Step[] },
): Promise<BigVersion[]> {
  const large = Object.entries(CONTENTS[database]).map(([form, count]) => {
    return new BigFile(database, form as Form, Math.ceil(count * share), steps);
  });
  const small = database === 'daily' ? smallFiles(database) : [];
  const written: BigVersion[] = [];
  let before: CvdInfo | undefined;
  for (let version = 1; version <= steps.length + 1; version++) {
    const files = [...small.slice(0, 7), ...large, ...small.slice(7)].filter((file) =>
      file.existsIn(version),
    );
    const listed = files.map((file) => ({ name: file.name, ...measure(file.content(version)) }));
    const signatures = listed.reduce((sum, { lines }) => sum + lines, 0);
    const info = signInfo({
      header: { ...makeHeader(database, version), signatures },
      files: listed.map(({ name, size, sha256 }) => ({ name, size, sha256 })),
    });
    const cvd = join(folder, `${database}-${version}.cvd`);
    await writeCvd(cvd, database, info, files, version);
    let cdiff: string | undefined;
    if (before !== undefined) {
      cdiff = join(folder, `${database}-${version}.cdiff`);
      const name = `${database}.info`;
      const infos = diffScript(new Map([[name, encodeInfo(before)]]), new Map([[name, encodeInfo(info)]]));
      const scripts = [...large, ...small].flatMap((file) => [...file.script(version)]);
      writeFileSync(cdiff, makeCdiff(version, Buffer.concat([infos, ...scripts])));
    }
    written.push({ version, cvd, cdiff, signatures });
    before = info;
  }
  return written;
}

/**
 * Signatures of each format. Most are hashes of files and of sections, a few per cent are patterns; daily has more of
 * the latter and of the long hashes. Source: the sizes and counts that ClamAV's freshclam reports in 2026.
 */
const CONTENTS = {
  main: { hdb: 780_000, hsb: 120_000, ldb: 7000, mdb: 2_300_000, msb: 10_000, ndb: 70_000 },
  daily: { hdb: 57_000, hsb: 130_000, ldb: 70_000, mdb: 43_000, msb: 45_000, ndb: 10_000 },
} as const satisfies Record<string, Partial<Record<Form, number>>>;

const NEWLINE = 0x0a;

function measure(chunks: Iterable<Uint8Array>): { size: number; sha256: string; lines: number } {
  const hash = createHash('sha256');
  let [size, lines] = [0, 0];
  for (const chunk of chunks) {
    size += chunk.length;
    for (let at = chunk.indexOf(NEWLINE); at !== -1; at = chunk.indexOf(NEWLINE, at + 1)) lines++;
    hash.update(chunk);
  }
  return { size, sha256: hash.digest('hex'), lines };
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
    let sealed = md5.digest('hex');
    for (let time = 1; sealed.startsWith('00'); time++) sealed = retimed(path, fd, time);
    const header = encodeHeader({ ...info.header, md5: sealed, dsig: makeTestKeys().signHeader(sealed) });
    writeSync(fd, header, 0, header.length, 0);
  } finally {
    closeSync(fd);
  }
}

/** Puts a time into the gzip header, for another MD5: real ClamAV takes none that begins with a zero byte. */
function retimed(path: string, fd: number, time: number): string {
  writeSync(fd, Uint8Array.of(time), 0, 1, 512 + 4);
  return createHash('md5').update(readFileSync(path).subarray(512)).digest('hex');
}

const LICENCE = readFileSync(new URL('../../../package.json', import.meta.url));
