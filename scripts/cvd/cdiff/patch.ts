import { PATCH_LIMITS } from '../../base/limits/databases.ts';
import { CvdError } from '../error.ts';
import type { Command, LineRef, Move } from './command.ts';
import { OpenFile } from './edited-file.ts';
import { Block, cut, edit, join, type Lines, slice } from './lines.ts';
import { ScriptParser } from './script.ts';

/** A file as it is after the commands so far. */
interface PatchedFile {
  readonly lines: Lines;
  /** The version whose script touched it last. */
  readonly changedBy: number | undefined;
  readonly steps: number;
  readonly reads: number;
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

  /** `names`: the existing files. `read` gives the content of one of them, any number of times. */
  constructor(names: Iterable<string>, read: (name: string) => Iterable<Uint8Array>) {
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
        this.#existing(command.file, source);
        this.#files.delete(command.file);
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
      this.#put(name, () => edit(lines, open.sortedEdits(), name), reads, steps);
    }
    const additions = open.additions();
    if (additions.length > 0) {
      const { lines, reads, steps } = this.#files.get(name) ?? EMPTY_FILE;
      this.#put(name, () => join(lines, () => additions), reads, steps);
    }
  }

  #move({ from, to, ...range }: Move, source: string): void {
    const [old, target] = [this.#existing(from, source), this.#existing(to, source)];
    const lines = { first: kept(range.first), last: kept(range.last), source };
    const moved = () => slice(old.lines, lines, from);
    this.#put(from, () => cut(old.lines, lines, from), old.reads, old.steps);
    const steps = Math.max(old.steps, target.steps);
    this.#put(to, () => join(target.lines, moved), target.reads + old.reads, steps);
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
