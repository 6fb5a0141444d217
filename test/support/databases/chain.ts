import { encodeInfo } from '../../../scripts/cvd/info.ts';
import { type CvdParts, makeCdiff, makeCvd, makeInfo } from './signing.ts';

/** One version of a database, with everything that upstream would offer of it. */
export interface ChainLink {
  readonly version: number;
  readonly cvd: Buffer;
  /** From the version before; the first link has none. */
  readonly cdiff: Buffer | undefined;
  /** The CDIFF's script. */
  readonly script: Buffer | undefined;
}

/**
 * Signed CVDs and CDIFFs for the versions of a database, given as the files of each, in the order of `.info`.
 * The first version is `options.from`, or 1.
 */
export function makeChain(
  database: string,
  versions: readonly ReadonlyMap<string, Uint8Array>[],
  options: Omit<Partial<CvdParts>, 'database' | 'version' | 'files'> & { from?: number } = {},
): ChainLink[] {
  const { from = 1, ...rest } = options;
  let before: ReadonlyMap<string, Uint8Array> | undefined;
  return versions.map((files, index) => {
    const parts: CvdParts = { ...rest, database, version: from + index, files };
    const all = new Map([[`${database}.info`, encodeInfo(makeInfo(parts))], ...files]);
    const script = before === undefined ? undefined : diffScript(before, all);
    before = all;
    const { version } = parts;
    const cdiff = script === undefined ? undefined : makeCdiff(version, script);
    return { version, cvd: makeCvd(parts), cdiff, script };
  });
}

/**
 * A script that turns the old files into the new ones, written the way sigtool's compare() does: lines that agree
 * are skipped, lines that are gone are deleted, the others exchanged, the rest added. Files must end with a
 * newline; one whose lines cannot be told apart by a prefix is removed and written anew, as sigtool does.
 */
export function diffScript(
  before: ReadonlyMap<string, Uint8Array>,
  after: ReadonlyMap<string, Uint8Array>,
): Buffer {
  const script: string[] = [];
  for (const [name, bytes] of after) script.push(...fileScript(name, before.get(name), bytes));
  for (const name of before.keys()) if (!after.has(name)) script.push(`UNLINK ${name}`);
  return Buffer.from(script.map((line) => `${line}\n`).join(''), 'latin1');
}

/** How far sigtool looks for the line that it misses. */
const LOOKAHEAD = 5000;

function fileScript(name: string, before: Uint8Array | undefined, after: Uint8Array): string[] {
  if (before !== undefined && Buffer.compare(before, after) === 0) return [];
  const news = linesOf(after);
  const added = (lines: readonly string[]) => lines.map((line) => `ADD ${line}`);
  if (before === undefined) return [`OPEN ${name}`, ...added(news), 'CLOSE'];
  const olds = linesOf(before);
  if (olds.some((line) => prefixOf(line) === '')) {
    return [`UNLINK ${name}`, `OPEN ${name}`, ...added(news), 'CLOSE'];
  }
  const commands: string[] = [];
  let at = 0;
  const remove = (until: number) => {
    for (; at < until; at++) commands.push(`DEL ${at + 1} ${prefixOf(olds[at] ?? '')}`);
  };
  for (const [index, line] of news.entries()) {
    if (at >= olds.length) {
      commands.push(...added(news.slice(index)));
      break;
    }
    const found = olds.slice(at, at + LOOKAHEAD).indexOf(line);
    if (found === -1) commands.push(`XCHG ${at + 1} ${prefixOf(olds[at] ?? '')} ${line}`);
    else remove(at + found);
    at++;
  }
  remove(olds.length);
  return [`OPEN ${name}`, ...commands, 'CLOSE'];
}

function prefixOf(line: string): string {
  return line.slice(0, 16).split(' ', 1)[0] ?? '';
}

function linesOf(bytes: Uint8Array): string[] {
  const text = Buffer.from(bytes).toString('latin1');
  if (!text.endsWith('\n')) throw new Error('no script can make a file that does not end with a newline');
  return text.slice(0, -1).split('\n');
}
