import { LOG_WAITING_BYTES } from '../base/limits/requests.ts';
import { bytes, counted, took } from '../base/words.ts';
import type { RequestLine } from './response.ts';

/** Characters after which the lines are written at once. */
const FULL = 64 * 1024;
/** Milliseconds that a line waits for others at most. */
const DELAY = 500;

/** One request for people: who, what, how it was answered, how much that was, how long it took, by which program. */
export function requestLine(line: RequestLine): string {
  const { client, method, path, range, status, userAgent } = line;
  const part = range === undefined ? '' : ` ${range}`;
  const answer = `${status} ${bytes(line.bytes)} ${took(line.duration / 1000)}`;
  return `${client} ${method} ${path}${part} ${answer} ${userAgent ?? '-'}`;
}

export interface RequestLogOptions {
  /** How many bytes were written and have not been taken yet: a reader that stands still must not fill the memory. */
  readonly waiting?: () => number;
  /** The line that stands for lines that were dropped. */
  readonly gap?: (dropped: number) => string;
}

/** Lines that are written many at a time, as a write costs more than an answer. Disposing of it writes the rest. */
export class RequestLog implements Disposable {
  readonly #write: (lines: readonly string[]) => void;
  readonly #waiting: () => number;
  readonly #gap: (dropped: number) => string;
  #lines: string[] = [];
  #size = 0;
  #dropped = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(write: (lines: readonly string[]) => void, options: RequestLogOptions = {}) {
    this.#write = write;
    this.#waiting = options.waiting ?? (() => 0);
    this.#gap =
      options.gap ?? ((dropped) => `${counted(dropped, 'request')} not logged: the log was not read`);
  }

  add(line: string): void {
    this.#lines.push(line);
    this.#size += line.length + 1;
    if (this.#size >= FULL) this.#flush();
    else this.#timer ??= setTimeout(() => this.#flush(), DELAY);
  }

  [Symbol.dispose](): void {
    this.#flush();
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const lines = this.#lines;
    this.#lines = [];
    this.#size = 0;
    if (lines.length === 0) return;
    if (this.#waiting() >= LOG_WAITING_BYTES) {
      this.#dropped += lines.length;
      return;
    }
    const gap = this.#dropped === 0 ? [] : [this.#gap(this.#dropped)];
    this.#dropped = 0;
    this.#write([...gap, ...lines]);
  }
}
