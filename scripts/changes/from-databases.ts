import { hash } from 'node:crypto';
import { PIECE_BYTES } from '../base/limits/databases.ts';
import { COMPARED_LINES } from '../base/limits/page.ts';
import { CvdReader } from '../cvd/container/reader.ts';
import { isLoaded } from '../cvd/database-extensions.ts';
import { CvdError } from '../cvd/error.ts';
import type { CvdHeader } from '../cvd/header.ts';
import { LineSplitter } from '../cvd/line-splitter.ts';
import { signatureName } from '../cvd/signature-name.ts';
import type { Step } from './step.ts';
import { Tally } from './tally.ts';

/**
 * Works out the changes between two versions of a database, where no CDIFFs lead from one to the other. Both are read
 * twice: eight bytes for each line tell which lines differ, then these are named. Throws `CvdError`.
 */
export function changesByDatabases(
  database: string,
  old: () => Iterable<Uint8Array>,
  next: () => Iterable<Uint8Array>,
  lines: number = COMPARED_LINES,
): Step {
  const [before, after] = [digestsOf(old(), lines), digestsOf(next(), lines)];
  const tally = new Tally();
  nameLines(old(), surplus(before.digests, after.digests), (...line) => tally.changed(...line, -1));
  nameLines(next(), surplus(after.digests, before.digests), (...line) => tally.changed(...line, 1));
  return {
    ...{ database, from: before.header.version, to: after.header.version },
    built: new Date(after.header.stime * 1000).toISOString(),
    source: 'databases',
    files: tally.changes(before.files, after.files),
  };
}

/** Takes every line of every file of a database from which ClamAV loads signatures. */
export function eachLine(
  chunks: Iterable<Uint8Array>,
  onLine: (file: string, line: Uint8Array) => void,
): { header: CvdHeader; files: ReadonlySet<string> } {
  const files = new Set<string>();
  let header: CvdHeader | undefined;
  let splitter: LineSplitter | undefined;
  const reader = new CvdReader({
    header: (found) => {
      header = found;
    },
    entry: ({ name }) => {
      splitter?.end();
      splitter = isLoaded(name) ? new LineSplitter((line) => onLine(name, line)) : undefined;
      files.add(name);
    },
    data: (chunk) => splitter?.write(chunk),
  });
  for (const chunk of chunks) {
    for (let at = 0; at < chunk.length; at += PIECE_BYTES) reader.write(chunk.subarray(at, at + PIECE_BYTES));
  }
  reader.end();
  splitter?.end();
  if (header === undefined) throw new CvdError('cvd/container', 'the database has no header');
  return { header, files };
}

function digestsOf(chunks: Iterable<Uint8Array>, lines: number) {
  let digests = new BigUint64Array(FIRST_LINES);
  let count = 0;
  const read = eachLine(chunks, (file, line) => {
    if (count === lines) throw new CvdError('cvd/too-large', `a database has more than ${lines} lines`);
    if (count === digests.length) {
      const grown = new BigUint64Array(Math.ceil(digests.length * 1.5));
      grown.set(digests);
      digests = grown;
    }
    digests[count++] = digestOf(file, line);
  });
  return { ...read, digests: digests.subarray(0, count).sort() };
}

const FIRST_LINES = 64 * 1024;

/** Digests that the first of two sorted lists has more often, and how much more often. */
function surplus(more: BigUint64Array, less: BigUint64Array): Map<bigint, number> {
  const found = new Map<bigint, number>();
  let at = 0;
  for (const digest of more) {
    while (at < less.length && (less[at] ?? 0n) < digest) at++;
    if (less[at] === digest) at++;
    else found.set(digest, (found.get(digest) ?? 0) + 1);
  }
  return found;
}

/** Names each line of these digests, as often as it is wanted. */
function nameLines(
  chunks: Iterable<Uint8Array>,
  wanted: Map<bigint, number>,
  onName: (file: string, key: string, name: string | undefined) => void,
): void {
  if (wanted.size === 0) return;
  eachLine(chunks, (file, line) => {
    const digest = digestOf(file, line);
    const left = wanted.get(digest);
    if (left === undefined) return;
    if (left === 1) wanted.delete(digest);
    else wanted.set(digest, left - 1);
    onName(file, digest.toString(36), signatureName(file, line));
  });
}

/** Eight bytes that tell lines and their files apart: of six million lines two are taken for one in a million comparisons. */
function digestOf(file: string, line: Uint8Array): bigint {
  const bytes = hash('sha1', Buffer.concat([Buffer.from(`${file}\n`), line]), 'buffer');
  return bytes.readBigUInt64LE(0);
}
