import { FILE_NAME_CHARACTERS } from '../../base/limits/databases.ts';
import { CvdError } from '../error.ts';

/**
 * One command of a CDIFF's script (clamav-formats.md §3). Text is kept as bytes, because a signature may hold any byte
 * but a newline. Line numbers start at 1 and refer to the file as it was at OPEN.
 */
export type Command =
  | { readonly kind: 'open'; readonly file: string }
  | { readonly kind: 'unlink'; readonly file: string }
  | { readonly kind: 'close' }
  | Addition
  | Edit
  | Move;

/** Appends a line when the file is closed, after all edits. An ADD without `text` does nothing. */
export interface Addition {
  readonly kind: 'add';
  readonly text: Uint8Array | undefined;
}

/** Removes a line, or puts `text` in its place. */
export type Edit =
  | (LineRef & { readonly kind: 'del' })
  | (LineRef & { readonly kind: 'xchg'; readonly text: Uint8Array });

/** Moves the lines `first` to `last` of `from` to the end of `to`. */
export interface Move {
  readonly kind: 'move';
  readonly from: string;
  readonly to: string;
  readonly first: LineRef;
  readonly last: LineRef;
}

/** A line and the prefix that it must have. An empty prefix fits every line. */
export interface LineRef {
  readonly line: number;
  readonly prefix: Uint8Array;
}

const NEWLINE = 0x0a;
const SPACE = 0x20;
/** Letters, digits, `.` and, since ClamAV 1.5, `_`: no name leads out of a folder. */
const FILE_NAME = /^[A-Za-z0-9]\w*(\.\w+)*$/;
const LINE_NUMBER = /^[1-9]\d{0,9}$/;

/**
 * Parses one line, without its newline. Stricter than ClamAV, which takes any path in MOVE, Unicode letters in names,
 * `+5` and `005` as numbers, and anything after a complete command. We accept more only after DEL, where sigtool has
 * written it. Source: libclamav_rust/src/cdiff.rs, process_line(). Throws `cvd/script`.
 */
export function parseCommand(line: Uint8Array): Command {
  const [name, rest] = split(line, 2);
  const kind = latin1(name ?? line);
  switch (kind) {
    case 'OPEN':
      return { kind: 'open', file: fileName(rest) };
    case 'UNLINK':
      return { kind: 'unlink', file: fileName(rest) };
    case 'CLOSE':
      if (rest !== undefined) throw wrong('something follows CLOSE');
      return { kind: 'close' };
    case 'ADD':
      return { kind: 'add', text: rest };
    case 'DEL': {
      const [number, prefix] = rest === undefined ? [] : split(rest, 3);
      return { kind: 'del', ...lineRef(number, prefix) };
    }
    case 'XCHG': {
      const [number, prefix, text] = rest === undefined ? [] : split(rest, 3);
      if (text === undefined) throw wrong('XCHG lacks its new line');
      return { kind: 'xchg', ...lineRef(number, prefix), text };
    }
    case 'MOVE':
      return parseMove(rest === undefined ? [] : split(rest, 7));
    default:
      throw wrong(`not a command: ${JSON.stringify(kind.slice(0, 24))}`);
  }
}

/** The line of a command, without its newline: the inverse of `parseCommand`. Throws `cvd/script`. */
export function encodeCommand(command: Command): Uint8Array {
  const line = Buffer.concat(parts(command).flatMap((part, at) => [Buffer.from(at === 0 ? '' : ' '), part]));
  if (line.includes(NEWLINE)) throw wrong('a command cannot hold a newline');
  return line;
}

function parts(command: Command): Uint8Array[] {
  switch (command.kind) {
    case 'open':
    case 'unlink':
      return [text(command.kind.toUpperCase()), text(command.file)];
    case 'close':
      return [text('CLOSE')];
    case 'add':
      return [text('ADD'), ...(command.text === undefined ? [] : [command.text])];
    case 'del':
      return [text('DEL'), ...encodeRef(command)];
    case 'xchg':
      return [text('XCHG'), ...encodeRef(command), command.text];
    case 'move': {
      const { from, to, first, last } = command;
      return [text('MOVE'), text(from), text(to), ...encodeRef(first), ...encodeRef(last)];
    }
  }
}

function encodeRef({ line, prefix }: LineRef): Uint8Array[] {
  if (prefix.includes(SPACE)) throw wrong('a prefix cannot hold a space');
  return [text(String(line)), prefix];
}

/** Refuses one line, for which ClamAV fails, and a move of a file onto itself, which would be read while it grows. */
function parseMove([from, to, firstLine, firstPrefix, lastLine, lastPrefix, more]: Uint8Array[]): Move {
  const first = lineRef(firstLine, firstPrefix);
  const last = lineRef(lastLine, lastPrefix);
  const move: Move = { kind: 'move', from: fileName(from), to: fileName(to), first, last };
  if (more !== undefined) throw wrong('something follows MOVE');
  if (move.from === move.to) throw wrong('MOVE from a file to itself');
  if (first.line >= last.line) throw wrong('MOVE needs at least two lines, in order');
  return move;
}

function lineRef(number: Uint8Array | undefined, prefix: Uint8Array | undefined): LineRef {
  if (number === undefined || prefix === undefined) throw wrong('a line number or a prefix is missing');
  const digits = latin1(number);
  if (!LINE_NUMBER.test(digits)) throw wrong(`not a line number: ${JSON.stringify(digits.slice(0, 24))}`);
  return { line: Number(digits), prefix };
}

function fileName(bytes: Uint8Array | undefined): string {
  const name = latin1(bytes ?? new Uint8Array(0));
  if (name.length > FILE_NAME_CHARACTERS || !FILE_NAME.test(name)) {
    throw wrong(`not the name of a file: ${JSON.stringify(name.slice(0, 120))}`);
  }
  return name;
}

/** At most `count` fields between single spaces. The last one keeps its spaces. */
function split(bytes: Uint8Array, count: number): Uint8Array[] {
  const fields: Uint8Array[] = [];
  let start = 0;
  while (fields.length < count - 1) {
    const end = bytes.indexOf(SPACE, start);
    if (end === -1) break;
    fields.push(bytes.subarray(start, end));
    start = end + 1;
  }
  fields.push(bytes.subarray(start));
  return fields;
}

function wrong(what: string): CvdError {
  return new CvdError('cvd/script', what);
}

function text(value: string): Uint8Array {
  return Buffer.from(value, 'latin1');
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}
