import { LOG_WAITING_BYTES } from '../base/limits/requests.ts';
import { bytes, counted, took } from '../base/words.ts';
import type { RequestLine } from './response.ts';

/** Characters of waiting lines that are written at once. */
const FULL_CHARACTERS = 64 * 1024;
/** Milliseconds that a line waits for others at most. */
const DELAY_MS = 500;

/** Log line of a request for people: client, file, status, size, time and program. */
export function requestLine(line: RequestLine): string {
  const { client, method, path, range, status, userAgent } = line;
  const part = range === undefined ? '' : ` ${range}`;
  const answer = `${status} ${bytes(line.bytes)} ${took(line.duration / 1000)}`;
  return `${client} ${method} ${path}${part} ${answer} ${userAgent ?? '-'}`;
}

export interface RequestLogOptions {
  /** Number of written bytes that the reader has not taken yet. Beyond a limit, lines are dropped to save memory. */
  readonly waiting?: () => number;
  /** Makes the line that replaces dropped lines. */
  readonly gap?: (dropped: number) => string;
}

/** Log that writes many lines at a time, because a write costs more than an answer. Dispose of it to write the rest. */
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
    if (this.#size >= FULL_CHARACTERS) this.#flush();
    else this.#timer ??= setTimeout(() => this.#flush(), DELAY_MS);
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
