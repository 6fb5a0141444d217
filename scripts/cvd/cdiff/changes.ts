import { SCRIPT_FILES } from '../../base/limits/databases.ts';
import { CvdError } from '../error.ts';
import type { Command } from './command.ts';

/** Changes of a script to one file, counted in lines. */
export interface FileChanges {
  readonly file: string;
  readonly added: number;
  readonly deleted: number;
  readonly exchanged: number;
  /** Lines that MOVE took out of the file. */
  readonly movedOut: number;
  /** Lines that MOVE put at its end. */
  readonly movedIn: number;
  /** True if the script removes the file. */
  readonly unlinked: boolean;
}

type Counters = { -readonly [key in keyof FileChanges]: FileChanges[key] };

/** Counts the changes of a script, for people. Takes each command of a `ScriptParser`. */
export class ChangeCounter {
  readonly #files = new Map<string, Counters>();
  #open: Counters | undefined;

  /** Throws `cvd/too-large` if the script names too many files. */
  add(command: Command): void {
    switch (command.kind) {
      case 'open':
        this.#open = this.#of(command.file);
        this.#open.unlinked = false;
        break;
      case 'unlink':
        this.#of(command.file).unlinked = true;
        break;
      case 'move': {
        const lines = command.last.line - command.first.line + 1;
        this.#of(command.from).movedOut += lines;
        this.#of(command.to).movedIn += lines;
        break;
      }
      case 'add':
        if (this.#open !== undefined && command.text !== undefined) this.#open.added++;
        break;
      case 'del':
        if (this.#open !== undefined) this.#open.deleted++;
        break;
      case 'xchg':
        if (this.#open !== undefined) this.#open.exchanged++;
        break;
      case 'close':
        this.#open = undefined;
    }
  }

  /** Files in the order in which the script first names them. */
  get files(): readonly FileChanges[] {
    return [...this.#files.values()];
  }

  #of(file: string): Counters {
    const known = this.#files.get(file);
    if (known !== undefined) return known;
    if (this.#files.size === SCRIPT_FILES) {
      throw new CvdError('cvd/too-large', `the script names more than ${SCRIPT_FILES} files`);
    }
    const counters = {
      file,
      added: 0,
      deleted: 0,
      exchanged: 0,
      movedOut: 0,
      movedIn: 0,
      unlinked: false,
    };
    this.#files.set(file, counters);
    return counters;
  }
}
