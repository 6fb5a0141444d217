import { ByteBuffer } from '../bytes.ts';
import { CvdError } from '../error.ts';
import type { LineRef } from './command.ts';

/** A file's content, produced anew each time it is asked for. */
export type Lines = () => Iterable<Block>;

/** A line to remove, or to replace by `replacement`, which ends with its newline. */
export interface LineEdit extends LineRef {
  readonly replacement: Uint8Array | undefined;
  /** The place in a script that asks for the edit, for errors. */
  readonly source: string;
}

const NEWLINE = 0x0a;

/**
 * A piece of a file, cut anywhere. Newlines are counted once, on demand: a file without edits passes through unread,
 * and if several CDIFFs edit one file, only the first has to count.
 */
export class Block {
  readonly bytes: Uint8Array;
  #newlines: number | undefined;

  constructor(bytes: Uint8Array, newlines?: number) {
    this.bytes = bytes;
    this.#newlines = newlines;
  }

  get newlines(): number {
    if (this.#newlines === undefined) {
      let count = 0;
      for (let at = this.bytes.indexOf(NEWLINE); at !== -1; at = this.bytes.indexOf(NEWLINE, at + 1)) count++;
      this.#newlines = count;
    }
    return this.#newlines;
  }
}

/** Joins contents byte by byte, so a last line without a newline is continued by the next content. */
export function* join(...contents: readonly Lines[]): Generator<Block> {
  for (const lines of contents) yield* lines();
}

/** Hears of a line that an edit takes out, and of its number. The bytes, without a newline, are only valid during the call. */
export type Removed = (line: Uint8Array, change: LineEdit) => void;

/**
 * Applies `edits`, which are sorted and at most one for each line. Requires a newline at the end of an edited file,
 * like ClamAV's cmd_close(). Throws `cvd/patch`.
 */
export function* edit(
  lines: Lines,
  edits: Iterable<LineEdit>,
  file: string,
  removed?: Removed,
): Generator<Block> {
  const cursor = new LineCursor(lines(), file);
  for (const change of edits) {
    yield* cursor.upTo(change.line);
    const line = cursor.line(change, change.source);
    if (removed === undefined) drain(line);
    else removed(lineOf(line), change);
    if (change.replacement !== undefined) yield new Block(change.replacement, 1);
  }
  yield* cursor.rest();
  if (!cursor.endsWithNewline) {
    throw new CvdError('cvd/patch', `${file} is edited, but does not end with a newline`);
  }
}

/** Lines that a MOVE takes. Checks the first and the last one, like ClamAV's cmd_move(). Throws `cvd/patch`. */
export function* slice(lines: Lines, range: LineRange, file: string): Generator<Block> {
  const cursor = new LineCursor(lines(), file);
  drain(cursor.upTo(range.first.line));
  yield* cursor.range(range);
}

/** Lines that a MOVE leaves. `moved` gets the blocks of the others. Throws `cvd/patch`. */
export function* cut(
  lines: Lines,
  range: LineRange,
  file: string,
  moved: (blocks: Iterable<Block>) => void = drain,
): Generator<Block> {
  const cursor = new LineCursor(lines(), file);
  yield* cursor.upTo(range.first.line);
  moved(cursor.range(range));
  yield* cursor.rest();
}

/** The lines `first` to `last`. */
export interface LineRange {
  readonly first: LineRef;
  readonly last: LineRef;
  /** The place in a script that asks for these lines, for errors. */
  readonly source: string;
}

/** Walks through the lines of a file that is cut into blocks anywhere. Holds one block at a time. */
class LineCursor {
  readonly #blocks: Iterator<Block>;
  readonly #file: string;
  #block: Block | undefined;
  /** Number of the line that the next byte belongs to. */
  #number = 1;
  #lastByte: number | undefined;

  constructor(blocks: Iterable<Block>, file: string) {
    this.#blocks = blocks[Symbol.iterator]();
    this.#file = file;
  }

  get endsWithNewline(): boolean {
    return this.#lastByte === NEWLINE;
  }

  /** Everything before line `number`, or up to the end. */
  *upTo(number: number): Generator<Block> {
    while (this.#number < number) {
      const block = this.#peek();
      if (block === undefined) return;
      const wanted = number - this.#number;
      yield block.newlines < wanted
        ? this.#takeAll(block)
        : this.#take(block, afterNewline(block, wanted), wanted);
    }
  }

  /** Line `at.line`, once `upTo` has reached it. */
  *line(at: LineRef, source: string): Generator<Block> {
    if (this.#peek() === undefined) {
      throw new CvdError('cvd/patch', `${this.#file} has no line ${at.line} (${source})`);
    }
    let missing = at.prefix;
    for (let ended = false; !ended; ) {
      const block = this.#peek();
      if (block === undefined) break;
      const newline = block.bytes.indexOf(NEWLINE);
      const text = newline === -1 ? block.bytes : block.bytes.subarray(0, newline);
      const expected = missing.subarray(0, text.length);
      if (!startsWith(text, expected)) break;
      missing = missing.subarray(expected.length);
      ended = newline !== -1;
      yield ended ? this.#take(block, newline + 1, 1) : this.#takeAll(block);
    }
    if (missing.length > 0) {
      const prefix = JSON.stringify(Buffer.from(at.prefix.subarray(0, 80)).toString('latin1'));
      const where = `line ${at.line} of ${this.#file}`;
      throw new CvdError('cvd/patch', `${where} does not start with ${prefix} (${source})`);
    }
  }

  /** Lines from the current one, which must be `first.line`, to `last.line`. */
  *range({ first, last, source }: LineRange): Generator<Block> {
    yield* this.line(first, source);
    yield* this.upTo(last.line);
    yield* this.line(last, source);
  }

  *rest(): Generator<Block> {
    for (let block = this.#peek(); block !== undefined; block = this.#peek()) {
      this.#block = undefined;
      this.#lastByte = block.bytes.at(-1);
      yield block;
    }
  }

  /** The rest of the current block, or the next block that is not empty. */
  #peek(): Block | undefined {
    while (this.#block === undefined || this.#block.bytes.length === 0) {
      const next = this.#blocks.next();
      if (next.done === true) return undefined;
      this.#block = next.value;
    }
    return this.#block;
  }

  #takeAll(block: Block): Block {
    return this.#take(block, block.bytes.length, block.newlines);
  }

  #take(block: Block, length: number, newlines: number): Block {
    const { bytes } = block;
    const head = length === bytes.length ? block : new Block(bytes.subarray(0, length), newlines);
    this.#block = new Block(bytes.subarray(length), block.newlines - newlines);
    this.#number += newlines;
    this.#lastByte = head.bytes.at(-1);
    return head;
  }
}

/** Offset behind the `count`th newline of a block. */
function afterNewline({ bytes }: Block, count: number): number {
  let at = 0;
  for (let found = 0; found < count; found++) at = bytes.indexOf(NEWLINE, at) + 1;
  return at;
}

function startsWith(bytes: Uint8Array, prefix: Uint8Array): boolean {
  for (let at = 0; at < prefix.length; at++) if (bytes[at] !== prefix[at]) return false;
  return true;
}

function drain(blocks: Iterable<Block>): void {
  for (const _ of blocks);
}

/** Bytes of a line, without its newline. */
function lineOf(blocks: Iterable<Block>): Uint8Array {
  const bytes = new ByteBuffer();
  for (const block of blocks) bytes.append(block.bytes);
  const line = bytes.view();
  return line.at(-1) === NEWLINE ? line.subarray(0, -1) : line;
}
