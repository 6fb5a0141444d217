import { ServerResponse } from 'node:http';

/**
 * Record of one request. `method`, `path`, `range` and `userAgent` are the client's unchecked words: escape them before
 * they are printed.
 */
export interface RequestLine {
  /** Address of the client, or of a proxy before it. */
  readonly client: string;
  readonly method: string;
  /** Whole request target, with its query. */
  readonly path: string;
  readonly status: number;
  /** Bytes of the body handed to the network; less than Content-Length if the client went away. */
  readonly bytes: number;
  readonly range: string | undefined;
  readonly userAgent: string | undefined;
  /** Milliseconds from the request's headers to the end of the response. */
  readonly duration: number;
}

/** A response that counts the body bytes that the network took, and knows when its client is gone. */
export class HostResponse extends ServerResponse {
  readonly #begun = performance.now();
  readonly #range = this.req.headers.range;
  /** Address of the client, read now: a closed connection no longer has it. */
  readonly #client = addressOf(this.req.socket.remoteAddress);
  #taken = 0;
  #over = false;
  #wake: (() => void) | undefined;

  /** True once the response is finished or its client gone. */
  get over(): boolean {
    return this.#over;
  }

  /** Sends the next bytes of the body. Ends when the network took them or the client is gone. Never rejects. */
  writeBody(bytes: Buffer): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
      this.write(bytes, (error) => {
        if (!error) this.#taken += bytes.length;
        resolve();
      });
    });
  }

  /** Sends the last bytes of the body, together with the headers if these were not sent yet. */
  endBody(bytes: Buffer): void {
    this.end(bytes, () => {
      this.#taken += bytes.length;
    });
  }

  /** Calls `then` once, when the response is finished or its client gone. */
  whenOver(then: (line: RequestLine) => void): void {
    this.once('close', () => {
      this.#over = true;
      this.#wake?.();
      then(this.#line());
    });
  }

  #line(): RequestLine {
    const { method = '', url = '', headers } = this.req;
    return {
      client: this.#client,
      method,
      path: url,
      status: this.statusCode,
      bytes: this.#taken,
      range: this.#range,
      userAgent: headers['user-agent'],
      duration: performance.now() - this.#begun,
    };
  }
}

/** Address of a client, in the same form for IPv4 and IPv6 sockets. */
function addressOf(address = 'unknown'): string {
  return address.replace(/^::ffff:(?=[\d.]+$)/, '');
}
