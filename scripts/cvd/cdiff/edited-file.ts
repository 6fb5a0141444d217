import { ByteStore } from '../bytes.ts';
import type { Edit } from './command.ts';
import { Block, type LineEdit } from './lines.ts';

/** Edits and additions of a script to its open file, in little more memory than their bytes. */
export class OpenFile {
  readonly name: string;
  readonly #version: number;
  readonly #additions = new ByteStore();
  readonly #texts = new ByteStore();
  #edits: KeptEdit[] = [];
  #sorted = true;

  /** `version`: the version that the script leads to. */
  constructor(name: string, version: number) {
    this.name = name;
    this.#version = version;
  }

  add(text: Uint8Array): void {
    this.#additions.put(text, NEWLINE);
  }

  edit(edit: Edit, scriptLine: number): void {
    const { line, prefix } = edit;
    const text = edit.kind === 'xchg' ? [edit.text, NEWLINE] : [];
    const { piece, at } = this.#texts.put(prefix, ...text);
    const textAt = at + prefix.length;
    const end = edit.kind === 'xchg' ? textAt + edit.text.length + 1 : undefined;
    this.#sorted &&= line > (this.#edits.at(-1)?.line ?? 0);
    this.#edits.push({ line, scriptLine, piece, at, textAt, end });
  }

  /** Added lines, as they will be at the end of the file. */
  additions(): readonly Block[] {
    return this.#additions.pieces().map((bytes) => new Block(bytes));
  }

  /** Number of edits. */
  get edits(): number {
    return this.#edits.length;
  }

  /** Edits in the order of their lines. Of several edits of one line the last one counts. */
  *sortedEdits(): Generator<LineEdit> {
    if (!this.#sorted) {
      this.#edits.sort((a, b) => a.line - b.line || a.scriptLine - b.scriptLine);
      this.#edits = this.#edits.filter(({ line }, at) => this.#edits[at + 1]?.line !== line);
      this.#sorted = true;
    }
    for (const { line, scriptLine, piece, at, textAt, end } of this.#edits) {
      const source = `line ${scriptLine} of script ${this.#version}`;
      const replacement = end === undefined ? undefined : piece.subarray(textAt, end);
      yield { line, prefix: piece.subarray(at, textAt), replacement, source };
    }
  }
}

/** An edit as offsets into `piece`: views would take more memory than the bytes. */
interface KeptEdit {
  readonly line: number;
  readonly scriptLine: number;
  readonly piece: Uint8Array;
  readonly at: number;
  readonly textAt: number;
  readonly end: number | undefined;
}

const NEWLINE = Uint8Array.of(0x0a);
