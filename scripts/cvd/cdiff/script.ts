import { LINE_BYTES, SCRIPT_COMMENTS, SCRIPT_LINES } from '../../base/limits/databases.ts';
import { ByteBuffer } from '../bytes.ts';
import { CvdError } from '../error.ts';
import { type Command, parseCommand } from './command.ts';

const NEWLINE = 0x0a;
const COMMENT = 0x23;

/**
 * Parses the script of a CDIFF from a stream, holding at most one line. Each command comes with the number of its line,
 * and its bytes are only valid during the call. Comments are left out.
 * Source: libclamav_rust/src/cdiff.rs, process_lines().
 */
export class ScriptParser {
  readonly #onCommand: (command: Command, scriptLine: number) => void;
  readonly #partial = new ByteBuffer();
  readonly #lines: number;
  #line = 1;
  #comments = 0;
  #open: string | undefined;

  /** `lines`: the most that the script may have. */
  constructor(
    onCommand: (command: Command, scriptLine: number) => void,
    { lines = SCRIPT_LINES }: { readonly lines?: number } = {},
  ) {
    this.#onCommand = onCommand;
    this.#lines = lines;
  }

  /** Throws `cvd/script`, `cvd/too-large`. */
  write(chunk: Uint8Array): void {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      this.#endLine(chunk.subarray(start, end));
      start = end + 1;
    }
    if (start < chunk.length) this.#keep(chunk.subarray(start));
  }

  /**
   * Throws `cvd/script` if the script ends inside a line or with a file open, which ClamAV ignores. A last CLOSE or
   * comment may lack its newline, as in ClamAV.
   */
  end(): void {
    if (this.#partial.length > 0) {
      const line = Buffer.from(this.#partial.view());
      if (line[0] !== COMMENT && !line.equals(CLOSE)) throw this.#wrong('the script ends inside this line');
      this.#endLine(new Uint8Array(0));
    }
    if (this.#open !== undefined) throw this.#wrong(`the script ends with ${this.#open} open`);
  }

  #keep(bytes: Uint8Array): void {
    if (this.#partial.length + bytes.length > LINE_BYTES) {
      throw this.#wrong(`it is longer than ${LINE_BYTES} bytes`);
    }
    this.#partial.append(bytes);
  }

  #endLine(rest: Uint8Array): void {
    if (this.#partial.length === 0 && rest.length <= LINE_BYTES) {
      this.#takeLine(rest);
    } else {
      this.#keep(rest);
      this.#takeLine(this.#partial.view());
      this.#partial.clear();
    }
    if (this.#line++ > this.#lines) throw this.#tooMany(`${this.#lines} lines`);
  }

  #takeLine(line: Uint8Array): void {
    if (line[0] === COMMENT) {
      if (++this.#comments > SCRIPT_COMMENTS) throw this.#tooMany(`${SCRIPT_COMMENTS} comments`);
      return;
    }
    let command: Command;
    try {
      command = parseCommand(line);
    } catch (cause) {
      throw cause instanceof CvdError ? this.#wrong(cause.message) : cause;
    }
    this.#requireState(command);
    if (command.kind === 'open') this.#open = command.file;
    if (command.kind === 'close') this.#open = undefined;
    this.#onCommand(command, this.#line);
  }

  /** Requires an open file, or, for OPEN, UNLINK and MOVE, none. */
  #requireState({ kind }: Command): void {
    const wantsOpen = kind !== 'open' && kind !== 'unlink' && kind !== 'move';
    if (wantsOpen === (this.#open !== undefined)) return;
    throw this.#wrong(
      wantsOpen ? `${kind.toUpperCase()} without OPEN` : `${kind.toUpperCase()} while ${this.#open} is open`,
    );
  }

  #tooMany(what: string): CvdError {
    return new CvdError('cvd/too-large', `the script has more than ${what}`);
  }

  #wrong(what: string): CvdError {
    return new CvdError('cvd/script', `line ${this.#line} of the script: ${what}`);
  }
}

const CLOSE = Buffer.from('CLOSE');
