import { PATCH_LIMITS } from '../../base/limits/databases.ts';
import { CvdError } from '../error.ts';
import { LineSplitter } from '../line-splitter.ts';
import type { Command, LineRef, Move } from './command.ts';
import { OpenFile } from './edited-file.ts';
import { Block, cut, edit, join, type LineEdit, type Lines, slice } from './lines.ts';
import { ScriptParser } from './script.ts';

/** A file as it is after the commands so far. */
interface PatchedFile {
  readonly lines: Lines;
  /** The version whose script touched it last. */
  readonly changedBy: number | undefined;
  readonly steps: number;
  readonly reads: number;
}

/** Hears of every line that scripts take out of files or put into them, while the files are read. */
export interface PatchListener {
  /** A line of a file, without its newline, that the script which leads to `version` took out or put in. */
  removed(version: number, file: string, line: Uint8Array): void;
  added(version: number, file: string, line: Uint8Array): void;
}

/**
 * Folds the scripts of one or several CDIFFs, in order, into one recipe for each file, so no version in between is ever
 * written. A file is read only when its content is asked for, as a stream. Unlike ClamAV, this misses an edit that does
 * not fit if a later script removes the file. The result is the same.
 * Source: libclamav_rust/src/cdiff.rs, cmd_close(), cmd_move(), cmd_unlink().
 */
export class Patch {
  readonly #files: Map<string, PatchedFile>;
  #open: OpenFile | undefined;
  #version = 0;
  #scriptBytes = 0;
  #edits = 0;
  #allSteps = 0;
  readonly #listener: PatchListener | undefined;
  /** What is still to be read of removed files, for the listener. */
  readonly #removed: { readonly name: string; readonly read: () => void }[] = [];

  /**
   * `names`: the existing files. `read` gives the content of one of them, any number of times. `listener` hears of a
   * change once, when the file is read first, and of everything after `tellAll`.
   */
  constructor(
    names: Iterable<string>,
    read: (name: string) => Iterable<Uint8Array>,
    listener?: PatchListener,
  ) {
    this.#listener = listener;
    this.#files = new Map();
    for (const name of names) {
      const lines = () => Iterator.from(read(name)).map((bytes) => new Block(bytes));
      this.#files.set(name, { lines, changedBy: undefined, steps: 0, reads: 1 });
    }
  }

  /** Names of the files that exist after the scripts so far. */
  get names(): ReadonlySet<string> {
    return new Set(this.#files.keys());
  }

  /** The version whose script touched the file last; `undefined` if none did. */
  changedBy(name: string): number | undefined {
    return this.#files.get(name)?.changedBy;
  }

  /**
   * Content of a file after the scripts so far. Throws `cvd/patch` if there is none, or once a command does not fit.
   */
  *read(name: string): Generator<Uint8Array> {
    for (const { bytes } of this.#existing(name).lines()) yield bytes;
  }

  /**
   * Reads all that changed, in the order of `names`, so that the listener has heard of every change. Throws like `read`,
   * and if a line without a newline was continued: then lines were joined, which nobody has heard of.
   */
  tellAll(names: Iterable<string>): void {
    const order = new Map([...names].map((name, at) => [name, at]));
    const changed = [...this.#files].filter(([, { changedBy }]) => changedBy !== undefined);
    const reads = [
      ...this.#removed,
      ...changed.map(([name, { lines }]) => ({ name, read: () => drain(lines()) })),
    ];
    const placeOf = ({ name }: { readonly name: string }) => order.get(name) ?? order.size;
    for (const { read } of reads.sort((a, b) => placeOf(a) - placeOf(b))) read();
  }

  /**
   * Takes the script that leads to `version`, as it streams by. `write` and `end` throw `cvd/script`,
   * `cvd/too-large`, and `cvd/patch` if the script names a file that is not there.
   */
  script(version: number): { write(chunk: Uint8Array): void; end(): void } {
    this.#version = version;
    const parser = new ScriptParser((command, scriptLine) => this.#take(command, scriptLine));
    return {
      write: (chunk) => {
        this.#scriptBytes = within('scripts', this.#scriptBytes + chunk.length);
        parser.write(chunk);
      },
      end: () => parser.end(),
    };
  }

  #take(command: Command, scriptLine: number): void {
    const source = `line ${scriptLine} of script ${this.#version}`;
    switch (command.kind) {
      case 'open':
        this.#open = new OpenFile(command.file, this.#version);
        break;
      case 'add':
        if (command.text !== undefined) this.#open?.add(command.text);
        break;
      case 'del':
      case 'xchg':
        this.#edits = within('edits', this.#edits + 1);
        this.#open?.edit(command, scriptLine);
        break;
      case 'close':
        if (this.#open !== undefined) this.#close(this.#open, source);
        this.#open = undefined;
        break;
      case 'unlink':
        this.#unlink(command.file, source);
        break;
      case 'move':
        this.#move(command, source);
    }
  }

  /** Creates a missing file if there are additions and no edits. A file opened for nothing stays as it is. */
  #close(open: OpenFile, source: string): void {
    const { name } = open;
    if (open.edits > 0) {
      const { lines, reads, steps } = this.#existing(name, source);
      const told = this.#tellEdit(name);
      this.#put(name, () => edit(lines, open.sortedEdits(), name, told), reads, steps);
    }
    const additions = open.additions();
    if (additions.length > 0) {
      const { lines, reads, steps } = this.#files.get(name) ?? EMPTY_FILE;
      this.#tellLines('added', name, additions);
      const before = this.#listener === undefined ? lines : () => ending(lines(), name);
      this.#put(name, () => join(before, () => additions), reads, steps);
    }
  }

  #unlink(name: string, source: string): void {
    const { lines } = this.#existing(name, source);
    this.#files.delete(name);
    if (this.#listener === undefined) return;
    const version = this.#version;
    this.#removed.push({ name, read: () => this.#tellLines('removed', name, lines(), version) });
  }

  /** Tells of each edit once, however often the file is read, and as far as it is read. */
  #tellEdit(name: string): ((line: Uint8Array, change: LineEdit) => void) | undefined {
    const [listener, version] = [this.#listener, this.#version];
    if (listener === undefined) return undefined;
    let toldLine = 0;
    return (bytes, { line, replacement }) => {
      if (line <= toldLine) return;
      toldLine = line;
      listener.removed(version, name, bytes);
      if (replacement !== undefined) listener.added(version, name, replacement.subarray(0, -1));
    };
  }

  #tellLines(
    what: keyof PatchListener,
    name: string,
    blocks: Iterable<Block>,
    version = this.#version,
  ): void {
    const listener = this.#listener;
    if (listener === undefined) return;
    const splitter = new LineSplitter((line) => listener[what](version, name, line));
    for (const { bytes } of blocks) splitter.write(bytes);
    splitter.end();
  }

  #move({ from, to, ...range }: Move, source: string): void {
    const [old, target] = [this.#existing(from, source), this.#existing(to, source)];
    const lines = { first: kept(range.first), last: kept(range.last), source };
    const moved = () => slice(old.lines, lines, from);
    const told = this.#tellMove(from, to);
    this.#put(from, () => cut(old.lines, lines, from, told), old.reads, old.steps);
    const steps = Math.max(old.steps, target.steps);
    const before = this.#listener === undefined ? target.lines : () => ending(target.lines(), to);
    this.#put(to, () => join(before, moved), target.reads + old.reads, steps);
  }

  #tellMove(from: string, to: string): ((blocks: Iterable<Block>) => void) | undefined {
    if (this.#listener === undefined) return undefined;
    const version = this.#version;
    let isTold = false;
    return (blocks) => {
      if (isTold) return drain(blocks);
      isTold = true;
      const lines = [...blocks];
      this.#tellLines('removed', from, lines, version);
      this.#tellLines('added', to, lines, version);
    };
  }

  #put(name: string, lines: Lines, reads: number, steps: number): void {
    this.#allSteps = within('allSteps', this.#allSteps + 1);
    if (!this.#files.has(name)) within('files', this.#files.size + 1);
    this.#files.set(name, {
      lines,
      changedBy: this.#version,
      steps: within('steps', steps + 1),
      reads: within('reads', reads),
    });
  }

  #existing(name: string, source?: string): PatchedFile {
    const file = this.#files.get(name);
    if (file !== undefined) return file;
    throw new CvdError('cvd/patch', `there is no ${name}${source === undefined ? '' : ` (${source})`}`);
  }
}

/** A new file before its first addition. */
const EMPTY_FILE: PatchedFile = { lines: () => [], changedBy: undefined, steps: 0, reads: 1 };

/** Copies a prefix: the bytes of a command are only valid during its call. */
function kept({ line, prefix }: LineRef): LineRef {
  return { line, prefix: Uint8Array.from(prefix) };
}

function within(what: keyof typeof PATCH_LIMITS, value: number): number {
  if (value <= PATCH_LIMITS[what]) return value;
  throw new CvdError('cvd/too-large', `the scripts need more than ${PATCH_LIMITS[what]} ${UNITS[what]}`);
}

const UNITS: Record<keyof typeof PATCH_LIMITS, string> = {
  scripts: 'bytes',
  edits: 'edits',
  steps: 'steps for one file',
  allSteps: 'steps',
  reads: 'files to make one',
  files: 'files',
};

/** The same blocks. Throws `cvd/patch` if they end inside a line, which whatever follows would continue. */
function* ending(blocks: Iterable<Block>, file: string): Generator<Block> {
  let last: number | undefined;
  for (const block of blocks) {
    last = block.bytes.at(-1) ?? last;
    yield block;
  }
  if (last !== undefined && last !== 0x0a)
    throw new CvdError('cvd/patch', `${file} does not end with a newline, so its last line is continued`);
}

function drain(blocks: Iterable<Block>): void {
  for (const _ of blocks);
}
