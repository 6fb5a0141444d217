import { type IncomingMessage, ServerResponse } from 'node:http';

/**
 * What one request came to. `method`, `path`, `range` and `userAgent` are the client's words, unchecked: whoever
 * prints them must escape them.
 */
export interface RequestLine {
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

/** Counts the bytes of its body as the network takes them. */
export class CountingResponse extends ServerResponse {
  bodyBytes = 0;

  override write(chunk: Uint8Array | string): boolean {
    return super.write(chunk, (error) => {
      if (!error) this.bodyBytes += Buffer.byteLength(chunk);
    });
  }
}

/** Calls `report` once, when the response is finished or its client gone. */
export function reportRequest(
  { method = '', url = '', headers }: IncomingMessage,
  response: CountingResponse,
  report: (line: RequestLine) => void,
): void {
  const { range, 'user-agent': userAgent } = headers;
  const start = performance.now();
  response.once('close', () => {
    report({
      method,
      path: url,
      status: response.statusCode,
      bytes: response.bodyBytes,
      range,
      userAgent,
      duration: performance.now() - start,
    });
  });
}
