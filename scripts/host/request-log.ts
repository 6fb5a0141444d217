/** Characters after which the lines are written at once. */
const FULL = 64 * 1024;
/** Milliseconds that a line waits for others at most. */
const DELAY = 500;

/** Lines that are written many at a time, as a write costs more than an answer. Disposing of it writes the rest. */
export class RequestLog implements Disposable {
  readonly #write: (text: string) => void;
  #lines = '';
  #timer: NodeJS.Timeout | undefined;

  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  add(line: string): void {
    this.#lines += `${line}\n`;
    if (this.#lines.length >= FULL) this.#flush();
    else this.#timer ??= setTimeout(() => this.#flush(), DELAY);
  }

  [Symbol.dispose](): void {
    this.#flush();
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const lines = this.#lines;
    this.#lines = '';
    if (lines !== '') this.#write(lines);
  }
}
