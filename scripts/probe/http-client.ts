import type { Readable } from 'node:stream';
import { type Dispatcher, request } from 'undici';
import { codeOf } from '../base/errors.ts';
import { BODY_BYTES, PROBE_PATIENCE, REQUESTS, UNANSWERED_REQUESTS } from '../base/limits/mirror.ts';
import { REDIRECTS } from '../base/limits/upstream.ts';
import { counted, took } from '../base/words.ts';
import { Agents } from '../http/agents.ts';
import { type BodyStart, readBody } from '../http/body.ts';
import { basicAuthorization } from '../http/credentials.ts';
import { InsideError } from '../http/internal-addresses.ts';
import { isTlsError, tlsAdvice } from '../http/network.ts';
import type { Proxies } from '../http/proxies.ts';
import { type ProxyRefusal, proxyRefusalIn, refusalAdvice, refusalWords } from '../http/proxy-refusal.ts';
import { refusingProxy } from '../http/refusing-proxy.ts';
import { ProbeError } from './error.ts';

/** Time limits in milliseconds. */
export interface ProbePatience {
  readonly connect: number;
  /** Longest time without a byte of the answer. */
  readonly idle: number;
  /** Deadline of one answer. */
  readonly answer: number;
  /** Deadline of one whole file. */
  readonly file: number;
}

export interface ProbeClientOptions {
  /** Base URL without a final slash; may hold a user and password, as freshclam's `DatabaseMirror` may. */
  readonly url: string;
  readonly userAgent: string;
  readonly proxies: Proxies;
  readonly patience?: Partial<ProbePatience>;
  /** Deadline of all requests together, in milliseconds; default: none. */
  readonly timeout?: number;
  /** Most requests; default: `REQUESTS`. */
  readonly mostRequests?: number;
  /** Certificates in PEM, the only ones to trust. */
  readonly ca?: string;
}

export interface Wanted {
  readonly method?: 'GET' | 'HEAD';
  readonly headers?: Readonly<Record<string, string>>;
  /** Bytes of the body to read before the connection is closed; default: `BODY_BYTES`. */
  readonly keep?: number;
}

export interface Answer {
  readonly status: number;
  /** Bytes that came, at most those that were wanted. */
  readonly body: Buffer;
  /** End of the body: `whole`: it ended by itself; `left`: we had enough; `cut`: it broke off or stalled. */
  readonly ended: 'whole' | 'left' | 'cut';
  header(name: string): string | undefined;
}

/**
 * Asks one mirror as freshclam does: a connection for each request, at most three redirects, none of them from https to
 * http. Every answer is bounded in bytes and time. Its content is unverified.
 */
export class ProbeClient implements AsyncDisposable {
  /** URL of the mirror, without a password. */
  readonly url: string;
  /** URLs that requests were redirected to, by the name that was asked for. */
  readonly redirects = new Map<string, string>();
  readonly #options: ProbeClientOptions;
  readonly #patience: ProbePatience;
  readonly #authorization: Readonly<Record<string, string>>;
  readonly #agents: Agents;
  readonly #begun = performance.now();
  #requests = 0;
  #received = 0;
  #timeouts = 0;

  constructor(options: ProbeClientOptions) {
    const { ca, proxies } = options;
    const authorization = basicAuthorization(new URL(options.url));
    this.url = options.url.replace(/(?<=^https?:\/\/)[^/]*@/, '');
    this.#authorization = authorization === undefined ? {} : { authorization };
    this.#options = options;
    this.#patience = { ...PROBE_PATIENCE, ...options.patience };
    const connect = { timeout: this.#patience.connect, ...(ca === undefined ? {} : { ca }) };
    this.#agents = new Agents(options.url, proxies, connect);
  }

  get requests(): number {
    return this.#requests;
  }

  /** Bytes of all bodies so far. */
  get received(): number {
    return this.#received;
  }

  /** Milliseconds until the mirror is given up. Throws `probe/gave-up` if it is. */
  left(): number {
    const { timeout = Number.POSITIVE_INFINITY, mostRequests = REQUESTS } = this.#options;
    const left = timeout - (performance.now() - this.#begun);
    const spent =
      left <= 0 ? took(timeout / 1000) : this.#requests >= mostRequests && counted(mostRequests, 'request');
    if (spent === false) return left;
    throw new ProbeError('probe/gave-up', `gave up after ${spent}: the mirror is not checked any further`, {
      advice:
        'Find out why the mirror answers slowly, or names so many files. --timeout gives it more time, --databases less to do',
    });
  }

  /** Asks for a file. Throws `ProbeError` if there is no answer; an answer that breaks off is one. */
  async ask(name: string, { keep = BODY_BYTES, ...wanted }: Wanted = {}): Promise<Answer> {
    const { status, header, body } = await this.#open(name, wanted, this.#patience.answer);
    if (keep === 0) body.destroy();
    const left: BodyStart = { bytes: Buffer.alloc(0), ended: 'left' };
    const { bytes, ended, error } = keep === 0 ? left : await readBody(this.#counted(body), keep + 1);
    if (ended !== 'cut') this.#timeouts = 0;
    else if (isTimeout(error)) this.#timeouts++;
    return { status, header, ended, body: bytes.subarray(0, keep) };
  }

  /** Reads a whole file. Throws `ProbeError` if it cannot be had whole, or what `onChunk` throws. */
  async stream(name: string, limit: number, onChunk: (chunk: Buffer) => void | Promise<void>): Promise<void> {
    const { status, body } = await this.#open(name, {}, this.#patience.file);
    if (status !== 200) {
      body.destroy();
      throw new ProbeError('probe/incomplete', `${name} is answered with ${status}`);
    }
    let size = 0;
    const chunks = this.#counted(body);
    for (;;) {
      const next = await chunks.next().catch((cause) => {
        throw new ProbeError('probe/incomplete', `${name} breaks off after ${size} bytes`, { cause });
      });
      if (next.done === true) return;
      size += next.value.length;
      try {
        if (size > limit) throw new ProbeError('probe/too-large', `${name} has more than ${limit} bytes`);
        await onChunk(next.value);
      } catch (error) {
        body.destroy();
        throw error;
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agents[Symbol.asyncDispose]();
  }

  async #open(name: string, { method = 'GET', headers }: Wanted, timeout: number) {
    let next = { url: `${this.url}/${name}`, dispatcher: this.#agents.first };
    for (let left = REDIRECTS; ; left--) {
      const answer = await this.#send(next, { method, headers: headers ?? {} }, timeout);
      answer.body.on('error', () => {}); // a reader gets the error; hanging up before that must not crash
      const header = (wanted: string) => {
        const value = answer.headers[wanted];
        return Array.isArray(value) ? value.join(', ') : value;
      };
      const status = answer.statusCode;
      const proxy = this.#agents.proxyTo(next.url);
      if (proxy !== undefined && refusingProxy({ status, header })?.isSure === true) {
        answer.body.destroy();
        throw refusedBy(proxy, { status }, next.url);
      }
      const location = header('location');
      if (![301, 302, 303, 307, 308].includes(status) || location === undefined) {
        return { status, header, body: answer.body };
      }
      answer.body.destroy();
      if (left === 0) throw redirectError(name, `is redirected more than ${REDIRECTS} times`);
      const found = this.#agents.follow(next.url, location);
      if (typeof found === 'string') throw redirectError(name, found);
      next = found;
      this.redirects.set(name, next.url);
    }
  }

  async #send(
    { url, dispatcher }: { url: string; dispatcher: Dispatcher },
    asked: Pick<Dispatcher.RequestOptions, 'method' | 'headers'>,
    timeout: number,
  ) {
    if (this.#timeouts >= UNANSWERED_REQUESTS) {
      throw new ProbeError('probe/timeout', 'the mirror has stopped answering, so it is not asked any more');
    }
    const left = this.left();
    this.#requests++;
    const authorization = new URL(url).origin === new URL(this.url).origin ? this.#authorization : {};
    try {
      return await request(url, {
        method: asked.method,
        headers: { 'user-agent': this.#options.userAgent, accept: '*/*', ...authorization, ...asked.headers },
        dispatcher,
        reset: true, // Connection: close, as in freshclam: no answer can damage the next
        signal: AbortSignal.timeout(Math.ceil(Math.min(timeout, left))),
        headersTimeout: this.#patience.idle,
        bodyTimeout: this.#patience.idle,
      });
    } catch (error) {
      if (isTimeout(error) || codeOf(error) === 'UND_ERR_CONNECT_TIMEOUT') this.#timeouts++;
      if (isTimeout(error)) this.left(); // throws if the deadline of all requests has passed
      throw problemOf(error, url, this.#agents.proxyTo(url));
    }
  }

  async *#counted(body: Readable): AsyncGenerator<Buffer, undefined> {
    for await (const chunk of body) {
      this.#received += chunk.length;
      yield chunk;
    }
    return undefined;
  }
}

function redirectError(name: string, what: string): ProbeError {
  return new ProbeError('probe/redirect', `${name} ${what}`, {
    advice: 'Serve the files under the URL that clients have in freshclam.conf, without redirects',
  });
}

function isTimeout(error: unknown): boolean {
  const byUs = error instanceof Error && error.name === 'TimeoutError';
  return byUs || /^UND_ERR_(HEADERS|BODY)_TIMEOUT$/.test(codeOf(error) ?? '');
}

/** Error for a proxy that refused, which says nothing about the mirror. */
function refusedBy(
  proxy: string | undefined,
  refusal: ProxyRefusal,
  url: string,
  cause?: unknown,
): ProbeError {
  const code = refusal.status >= 500 ? 'probe/unreachable' : 'probe/proxy';
  return new ProbeError(code, `cannot reach ${url}: ${refusalWords(refusal, proxy)}`, {
    ...(cause !== undefined && { cause }),
    advice: refusalAdvice(refusal),
  });
}

function problemOf(cause: unknown, url: string, proxy: string | undefined): ProbeError {
  const refusal = proxyRefusalIn(cause);
  if (refusal !== undefined) return refusedBy(proxy, refusal, url, cause);
  if (cause instanceof InsideError)
    return redirectError(url, `is where it is redirected to: ${cause.message}`);
  const code = codeOf(cause) ?? '';
  if (isTimeout(cause)) {
    return new ProbeError('probe/timeout', `no answer in time from ${url}`, {
      advice: 'Find out what keeps the host from answering: clients give up as well',
    });
  }
  if (isTlsError(cause)) {
    return new ProbeError('probe/tls', `TLS does not work with ${url}`, {
      cause,
      advice: `Clients refuse it as well. Renew the certificate for the name in the URL, and send its whole chain. ${tlsAdvice(cause)}`,
    });
  }
  if (/^(HPE_|UND_ERR_(HEADERS_OVERFLOW|RESPONSE|RES_|SOCKET|INVALID))/.test(code)) {
    return new ProbeError('probe/malformed', `no proper HTTP answer from ${url}`, {
      cause,
      advice: 'Read the log of the host, and of every proxy in front of it',
    });
  }
  const way = proxy === undefined ? '' : ` through the proxy ${proxy}`;
  return new ProbeError('probe/unreachable', `cannot reach ${url}${way}`, {
    cause,
    advice: 'Check the address, the network and the proxy settings (--proxy, HTTPS_PROXY, NO_PROXY)',
  });
}
