import { ServerResponse } from 'node:http';

/**
 * What one request came to. `method`, `path`, `range` and `userAgent` are the client's words, unchecked: whoever
 * prints them must escape them.
 */
export interface RequestLine {
  /** The address that the request came from: a client, or a proxy before it. */
  readonly client: string;
  readonly method: string;
  /** The whole request target, with its query. */
  readonly path: string;
  readonly status: number;
  /** Bytes of the body handed to the network; less than Content-Length if the client went away. */
  readonly bytes: number;
  readonly range: string | undefined;
  readonly userAgent: string | undefined;
  /** Milliseconds from the request's headers to the end of the response. */
  readonly duration: number;
}

/** A response that knows how many bytes of its body the network took, and when there is nobody left to take more. */
export class HostResponse extends ServerResponse {
  readonly #begun = performance.now();
  readonly #range = this.req.headers.range;
  /** Now, because a connection that has ended does not know any more. */
  readonly #client = addressOf(this.req.socket.remoteAddress);
  #taken = 0;
  #over = false;
  #wake: (() => void) | undefined;

  /** Whether the response is finished or its client gone. */
  get over(): boolean {
    return this.#over;
  }

  /** Sends the next bytes of the body. Never rejects; ends when the network took them, or nobody will. */
  writeBody(bytes: Buffer): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
      this.write(bytes, (error) => {
        if (!error) this.#taken += bytes.length;
        resolve();
      });
    });
  }

  /** Sends the last bytes of the body, in one with the headers if they are the first. */
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

/** An IPv4 address looks the same whatever kind of socket it comes through. */
function addressOf(address = 'unknown'): string {
  return address.replace(/^::ffff:(?=[\d.]+$)/, '');
}
