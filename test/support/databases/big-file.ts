import { SOUND } from './hostile.ts';
import { type Form, Pen, signatureLine } from './signatures.ts';

/** What the containers are made of. */
export interface GeneratedFile {
  readonly name: string;
  existsIn(version: number): boolean;
  content(version: number): Iterable<Buffer>;
  /** From the version before. */
  script(version: number): Iterable<Buffer>;
}

/**
 * Changes from one version to the next: `day` deletes, exchanges and adds a few lines of each file, `retirement` takes
 * a third of all signatures away, in runs, as Talos did in December 2025.
 */
export type Step = 'day' | 'retirement';

/** Bytes of a piece of a file. */
const CHUNK_SIZE = 64 * 1024;
/** Of so many lines, a day deletes one, exchanges one, and adds one. */
const DELETED_OF = 5003;
const EXCHANGED_OF = 4001;
const ADDED_OF = 500;
/** Runs of lines in each file, of which a retirement takes every third. */
const RUNS = 30;

/** A file whose lines are made up from their numbers, so that none of them has to be kept. */
export class BigFile implements GeneratedFile {
  readonly name: string;
  readonly #form: Form;
  readonly #first: number;
  readonly #run: number;
  readonly #steps: readonly Step[];
  /** EICAR's signature, the first line of all. */
  readonly #head: string;

  constructor(database: string, form: Form, lines: number, steps: readonly Step[]) {
    this.name = `${database}.${form}`;
    this.#form = form;
    this.#first = lines;
    this.#run = Math.ceil(lines / RUNS);
    this.#steps = steps;
    this.#head = form === 'hdb' ? `${SOUND.hdb?.[0]}\n` : '';
  }

  existsIn(): boolean {
    return true;
  }

  *content(version: number): Generator<Buffer> {
    yield Buffer.from(this.#head);
    const pen = new Pen(CHUNK_SIZE);
    for (const { id, now } of this.#changes(version)) {
      if (now === 0) continue;
      if (pen.full) yield pen.take();
      pen.line(this.#form, id, now);
    }
    yield pen.take();
  }

  *script(version: number): Generator<Buffer> {
    yield Buffer.from(`OPEN ${this.name}\n`);
    const pen = new Pen(CHUNK_SIZE);
    const form = this.#form;
    let number = this.#head === '' ? 0 : 1;
    for (const { id, old, now } of this.#changes(version)) {
      if (old !== 0) number++;
      if (old === now) continue;
      if (pen.full) yield pen.take();
      if (old === 0) pen.text('ADD ').line(form, id, now);
      else {
        const prefix = signatureLine(form, id, old).slice(0, 16);
        if (now === 0) pen.text(`DEL ${number} ${prefix}\n`);
        else pen.text(`XCHG ${number} ${prefix} `).line(form, id, now);
      }
    }
    yield pen.text('CLOSE\n').take();
  }

  /** Every line's edition in the version before and in this one, 0 where it does not exist. */
  *#changes(version: number): Generator<{ id: number; old: number; now: number }> {
    for (let id = 0; id < this.#linesUntil(version); id++) {
      const old = this.#edition(id, version - 1);
      const now = this.#edition(id, version);
      if (old !== 0 || now !== 0) yield { id, old, now };
    }
  }

  #edition(id: number, version: number): number {
    if (id >= this.#linesUntil(version)) return 0;
    let edition = 1;
    for (let at = 2; at <= version; at++) {
      if (id >= this.#linesUntil(at - 1)) continue; // not older than this version
      if (this.#steps[at - 2] === 'retirement') {
        if (Math.floor(id / this.#run) % 3 === at % 3) return 0;
      } else {
        if (id % DELETED_OF === at) return 0;
        if (id % EXCHANGED_OF === at) edition = at;
      }
    }
    return edition;
  }

  /** Lines that there have been until a version, those that are gone included. */
  #linesUntil(version: number): number {
    if (version === 0) return 0;
    const days = this.#steps.slice(0, version - 1).filter((step) => step === 'day').length;
    return this.#first + days * Math.ceil(this.#first / ADDED_OF);
  }
}
