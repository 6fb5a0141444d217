import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createGzip, gzipSync } from 'node:zlib';
import { codeOf } from '../../scripts/base/errors.ts';
import { OldContainer } from '../../scripts/cvd/container/old-container.ts';
import { encodeTarHeader } from '../../scripts/cvd/container/tar.ts';
import { encodeHeader } from '../../scripts/cvd/header.ts';
import { encodeInfo } from '../../scripts/cvd/info.ts';
import { feed } from '../../scripts/files/feed.ts';
import { asVerdict, verifyCdiffFile, verifyCvdFile } from '../../scripts/files/verify.ts';
import { CdiffVerifier } from '../../scripts/verify/cdiff.ts';
import { CldVerifier } from '../../scripts/verify/cld.ts';
import { CvdVerifier } from '../../scripts/verify/cvd.ts';
import {
  makeCdiff,
  makeCvd,
  makeHeader,
  makeInfo,
  makeTestKeys,
  testTrust,
} from '../support/databases/signing.ts';

/** Prints, for each hostile file, the code of what it is refused with: as a process, because the heap is small. */
const trust = testTrust();
const header = makeHeader('test', 1);
const genuine = makeCvd({ database: 'test', version: 1, files: new Map() }).subarray(0, 512);
const folder = mkdtempSync(join(tmpdir(), 'hostile-'));
const codes: Record<string, unknown> = {};

const manyEntries = await zipped(tarOf(150_000));
await refused('a genuine header before many empty entries', () =>
  cvdFile(Buffer.concat([genuine, manyEntries])),
);
await refused('the same as it streams by', () => cvdStream(Buffer.concat([genuine, manyEntries])));
await refused('many empty entries under a signature', () => cvdFile(sealed(manyEntries)));
await refused('many empty entries in a CLD', () => cld(Buffer.concat([encodeHeader(header), manyEntries])));
await refused('many empty entries in an old container', async () => {
  const old = new OldContainer(() => [sealed(manyEntries)]);
  asVerdict(() => Buffer.concat([...old.read('test.info')]));
});
await refused('zeros after a genuine header', () => cvdFile(Buffer.concat([genuine, zeros()])));
await refused('the same as it streams by, of zeros', () => cvdStream(Buffer.concat([genuine, zeros()])));
await refused('zeros under a signature', () => cvdFile(sealed(zeros())));
await refused('zeros in a CLD', () => cld(Buffer.concat([encodeHeader(header), zeros()])));
await refused('a .info of many lines', () => cvdFile(sealed(infoOf('\n'.repeat(1_000_000)))));
await refused('a .info that lists many files', () => cvdFile(sealed(infoOf(listing(15_000)))));
await refused('a CDIFF of comments', () => cdiffFile('#\n'.repeat(2_000_000)));
await refused('a CDIFF of comments that nobody signed', () => unsigned('#\n'.repeat(2_000_000)));
await refused('a CDIFF that opens many .info', () => cdiffFile(opened(300_000)));
process.stdout.write(`${JSON.stringify(codes)}\n`);
rmSync(folder, { recursive: true });

async function refused(what: string, attempt: () => Promise<unknown>): Promise<void> {
  codes[what] = await attempt().then(
    () => 'accepted',
    (error) => codeOf(error) ?? String(error),
  );
}

async function cvdFile(bytes: Uint8Array): Promise<unknown> {
  return await verifyCvdFile(written(bytes), trust);
}

async function cvdStream(bytes: Uint8Array): Promise<unknown> {
  const verifier = new CvdVerifier(trust);
  await feed([bytes], (piece) => asVerdict(() => verifier.write(piece)));
  return asVerdict(() => verifier.end());
}

async function cld(bytes: Uint8Array): Promise<unknown> {
  const verifier = new CldVerifier(trust, { database: 'test' });
  await feed([bytes], (piece) => asVerdict(() => verifier.write(piece)));
  return asVerdict(() => verifier.end());
}

async function cdiffFile(script: string): Promise<unknown> {
  return await verifyCdiffFile(written(makeCdiff(2, script)), trust);
}

/** As it streams by, so that its signature comes last. */
async function unsigned(script: string): Promise<unknown> {
  const cdiff = makeCdiff(2, script);
  const verifier = new CdiffVerifier(trust);
  await feed([cdiff.subarray(0, -1)], (piece) => asVerdict(() => verifier.write(piece)));
  return asVerdict(() => verifier.end());
}

function written(bytes: Uint8Array): string {
  const path = join(folder, 'file');
  writeFileSync(path, bytes);
  return path;
}

/** A CVD with this body that the keys of the tests have signed. */
function sealed(body: Uint8Array): Buffer {
  const md5 = createHash('md5').update(body).digest('hex');
  return Buffer.concat([encodeHeader({ ...header, md5, dsig: makeTestKeys().signHeader(md5) }), body]);
}

function zeros(): Buffer {
  const member = gzipSync(Buffer.alloc(64 * 1024 ** 2));
  return Buffer.concat([member, member]);
}

function* tarOf(entries: number): Generator<Buffer> {
  for (let at = 0; at < entries; at++) yield encodeTarHeader({ name: `${at}.ndb`, size: 0 });
}

function infoOf(text: string): Buffer {
  const info = Buffer.from(text);
  return gzipSync(
    Buffer.concat([
      encodeTarHeader({ name: 'test.info', size: info.length }),
      info,
      Buffer.alloc((512 - (info.length % 512)) % 512),
    ]),
  );
}

function listing(count: number): string {
  const files = new Map(Array.from({ length: count }, (_, at) => [`${at}.x`, Buffer.alloc(0)]));
  return Buffer.from(encodeInfo(makeInfo({ database: 'test', version: 1, files }))).toString();
}

function opened(count: number): string {
  return Array.from({ length: count }, (_, at) => `OPEN ${at}.info\nCLOSE\n`).join('');
}

async function zipped(chunks: Iterable<Buffer>): Promise<Buffer> {
  const gzip = createGzip({ level: 1 });
  const parts: Buffer[] = [];
  gzip.on('data', (part) => parts.push(part));
  const ended = new Promise((resolve, reject) => gzip.once('end', resolve).once('error', reject));
  for (const chunk of chunks)
    if (!gzip.write(chunk)) await new Promise((resolve) => gzip.once('drain', resolve));
  gzip.end();
  await ended;
  return Buffer.concat(parts);
}
