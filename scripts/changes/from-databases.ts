import { hash } from 'node:crypto';
import { COMPARED_LINES } from '../base/limits/page.ts';
import { isLoaded } from '../cvd/database-extensions.ts';
import { CvdError } from '../cvd/error.ts';
import type { CvdHeader } from '../cvd/header.ts';
import { LineSplitter } from '../cvd/line-splitter.ts';
import { signatureName } from '../cvd/signature-name.ts';
import type { Step } from './step.ts';
import { Tally } from './tally.ts';
import { readProvenCvd } from './unpack.ts';

/**
 * Works out the changes between two versions of a database, where no CDIFFs lead from one to the other. Both are read
 * twice: eight bytes for each line tell which lines differ, then these are named. Throws `CvdError`.
 */
export async function changesByDatabases(
  database: string,
  old: string,
  next: string,
  lines: number = COMPARED_LINES,
): Promise<Step> {
  const before = await digestsOf(old, lines);
  const after = await digestsOf(next, lines);
  const tally = new Tally();
  await nameLines(old, surplus(before.digests, after.digests), (...line) => tally.changed(...line, -1));
  await nameLines(next, surplus(after.digests, before.digests), (...line) => tally.changed(...line, 1));
  return {
    ...{ database, from: before.header.version, to: after.header.version },
    built: new Date(after.header.stime * 1000).toISOString(),
    source: 'databases',
    files: tally.changes(before.files, after.files),
  };
}

/** Takes every line of every file from which ClamAV loads signatures, of a CVD that is proven to be genuine. */
export async function eachLine(
  path: string,
  onLine: (file: string, line: Uint8Array) => void,
): Promise<{ header: CvdHeader; files: ReadonlySet<string> }> {
  const files = new Set<string>();
  let splitter: LineSplitter | undefined;
  const header = await readProvenCvd(path, {
    entry: ({ name }) => {
      splitter?.end();
      splitter = isLoaded(name) ? new LineSplitter((line) => onLine(name, line)) : undefined;
      files.add(name);
    },
    data: (chunk) => splitter?.write(chunk),
  });
  splitter?.end();
  return { header, files };
}

async function digestsOf(path: string, lines: number) {
  let digests = new BigUint64Array(FIRST_LINES);
  let count = 0;
  const digestOf = lineDigests();
  const read = await eachLine(path, (file, line) => {
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
async function nameLines(
  path: string,
  wanted: Map<bigint, number>,
  onName: (file: string, key: string, name: string | undefined) => void,
): Promise<void> {
  if (wanted.size === 0) return;
  const digestOf = lineDigests();
  await eachLine(path, (file, line) => {
    const digest = digestOf(file, line);
    const left = wanted.get(digest);
    if (left === undefined) return;
    if (left === 1) wanted.delete(digest);
    else wanted.set(digest, left - 1);
    onName(file, digest.toString(36), signatureName(file, line));
  });
}

/**
 * Makes eight bytes that tell lines and their files apart. Of six million lines, one in a million comparisons takes two for
 * the same.
 */
function lineDigests(): (file: string, line: Uint8Array) => bigint {
  const eightBytes = (bytes: string | Uint8Array) => hash('sha1', bytes, 'buffer').readBigUInt64LE(0);
  let [of, seed] = ['', 0n];
  return (file, line) => {
    if (file !== of) [of, seed] = [file, eightBytes(file)];
    return eightBytes(line) ^ seed;
  };
}
