import { open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { setTimeout as wait } from 'node:timers/promises';
import { request } from 'undici';
import { codeOf } from '../errors.ts';
import { FileError } from '../files/atomic.ts';
import { PAGE_BYTES, PATIENCE, REDIRECTS } from '../limits/upstream.ts';
import type { Agents } from './agents.ts';
import type { CoolDownGuard } from './cool-down.ts';
import { UpstreamError } from './error.ts';
import { InsideError } from './inside.ts';

/** Bytes a probe asks for: the CVD's header and the gzip header behind it (clamav-formats.md §1). */
export const PROBE_SIZE = 522;

/** How long and how often to try. Milliseconds. */
export interface Patience {
  /** Without a byte of the answer's head or body. */
  readonly idle: number;
  /** For one attempt at one file, in all. */
  readonly file: number;
  readonly attempts: number;
  /** Before the second attempt; doubled before each further one. */
  readonly pause: number;
}

export interface ClientOptions {
  /** Base URL without a final slash. */
  readonly url: string;
  readonly userAgent: string;
  readonly agents: Agents;
  readonly coolDown: CoolDownGuard;
  readonly patience?: Patience;
  readonly onBytes?: (bytes: number) => void;
}

/** A small file as upstream gave it; unproven. */
export interface Fetched {
  readonly bytes: Buffer;
  readonly etag: string | undefined;
}

interface Answer {
  readonly status: number;
  readonly body: Readable;
  header(name: string): string | undefined;
}

/**
 * Asks one upstream for files and counts what comes. It retries what may pass (no connection, a cut, 5xx),
 * starts a cool-down where upstream asks for one (403, 429), and proves nothing: that is the caller's part.
 */
export class UpstreamClient {
  readonly #options: ClientOptions;
  readonly #patience: Patience;
  #received = 0;

  constructor(options: ClientOptions) {
    this.#options = options;
    this.#patience = options.patience ?? PATIENCE;
  }

  /** Bytes of bodies received so far, those of failed attempts included. */
  get received(): number {
    return this.#received;
  }

  /** The first `PROBE_SIZE` bytes of a file. A host without Range is hung up on after those. */
  async probe(name: string): Promise<Buffer> {
    return await this.#retrying(name, async (signal) => {
      const answer = await this.#ask(name, { range: `bytes=0-${PROBE_SIZE - 1}` }, signal);
      const chunks: Buffer[] = [];
      let length = 0;
      for await (const chunk of this.#counted(answer.body)) {
        chunks.push(chunk);
        length += chunk.length;
        if (length >= PROBE_SIZE) break; // leaving the loop hangs up
      }
      return Buffer.concat(chunks).subarray(0, PROBE_SIZE);
    });
  }

  /**
   * Streams a file to `path`, resuming a cut transfer where upstream can. More than `limit` bytes are refused.
   * What arrives is unproven: `path` must be a temporary name.
   */
  async download(name: string, path: string, limit: number): Promise<void> {
    const transfer: Transfer = { name, path, limit, validator: undefined };
    await this.#retrying(name, async (signal) => await this.#transfer(transfer, signal));
  }

  /**
   * A small file in memory with its ETag; `unchanged` if upstream still has what it gave with `etag`. More than `limit`
   * bytes are refused.
   */
  async fetch(name: string, limit: number, etag?: string): Promise<Fetched | 'unchanged'> {
    return await this.#retrying(name, async (signal) => {
      const answer = await this.#ask(name, etag === undefined ? {} : { 'if-none-match': etag }, signal);
      if (answer.status === 304) {
        answer.body.destroy();
        return 'unchanged';
      }
      const { total } = placeOf(answer);
      const chunks: Buffer[] = [];
      let size = 0;
      for await (const chunk of this.#counted(answer.body)) {
        size += chunk.length;
        if (size > limit) throw tooLarge(name, limit);
        chunks.push(chunk);
      }
      if (!Number.isNaN(total) && size !== total) {
        throw new UpstreamError('upstream/incomplete', `${name} ended after ${size} of ${total} bytes`);
      }
      return { bytes: Buffer.concat(chunks), etag: answer.header('etag') };
    });
  }

  async #transfer(transfer: Transfer, signal: AbortSignal): Promise<void> {
    const { name, path, limit, validator } = transfer;
    await using file = await ours(path, open(path, validator === undefined ? 'w' : 'a'));
    const have = (await file.stat()).size;
    const resume = { range: `bytes=${have}-`, 'if-range': validator ?? '' };
    const answer = await this.#ask(name, have > 0 ? resume : {}, signal);
    const { from, total } = placeOf(answer);
    const found = validatorOf(answer);
    if (answer.status === 206 && (from !== have || (found !== undefined && found !== validator))) {
      answer.body.destroy();
      transfer.validator = undefined; // what we have is of no use
      throw new UpstreamError('upstream/incomplete', `the rest of ${name} cannot be had as it was`);
    }
    if (from < have) await ours(path, file.truncate());
    transfer.validator = Number.isNaN(total) ? undefined : found; // of a file without a length, how much is left?
    if (total > limit) {
      answer.body.destroy();
      throw tooLarge(name, limit);
    }
    let size = from;
    for await (const chunk of this.#counted(answer.body)) {
      size += chunk.length;
      if (size > limit) throw tooLarge(name, limit);
      await ours(path, file.writeFile(chunk));
    }
    if (!Number.isNaN(total) && size !== total) {
      throw new UpstreamError('upstream/incomplete', `${name} ended after ${size} of ${total} bytes`);
    }
  }

  async #ask(name: string, headers: Record<string, string>, signal: AbortSignal): Promise<Answer> {
    const { coolDown } = this.#options;
    coolDown.requireNone();
    const answer = await this.#follow(name, headers, signal);
    const header = (wanted: string) => {
      const value = answer.headers[wanted];
      return typeof value === 'string' ? value : undefined;
    };
    const status = answer.statusCode;
    const encoding = header('content-encoding') ?? 'identity';
    const isAsked = status === 304 && headers['if-none-match'] !== undefined;
    if (isAsked || ((status === 200 || status === 206) && encoding === 'identity'))
      return { status, body: answer.body, header };
    await this.#discard(answer.body).catch(() => undefined);
    if (status === 403 || status === 429) throw await coolDown.start(status, header('retry-after'), name);
    if (status === 404 || status === 410)
      throw new UpstreamError('upstream/missing', `upstream has no ${name}`);
    if (status === 200 || status === 206) {
      throw new UpstreamError('upstream/encoded', `upstream sent ${name} with Content-Encoding ${encoding}`);
    }
    const code = status >= 500 || status === 408 ? 'upstream/unavailable' : 'upstream/status';
    throw new UpstreamError(code, `upstream answered ${status} to ${name}`);
  }

  /** The first answer that is no redirect. */
  async #follow(name: string, headers: Record<string, string>, signal: AbortSignal) {
    const { url: base, userAgent, agents } = this.#options;
    let next = { url: `${base}/${name}`, dispatcher: agents.first };
    const asked: string[] = [];
    for (;;) {
      const { url, dispatcher } = next;
      asked.push(url);
      const answer = await request(url, {
        dispatcher,
        headers: { 'user-agent': userAgent, accept: '*/*', 'accept-encoding': 'identity', ...headers },
        signal,
        headersTimeout: this.#patience.idle,
        bodyTimeout: this.#patience.idle,
      });
      answer.body.on('error', () => {}); // whoever reads it sees the error; hanging up before that is no crash
      const { location } = answer.headers;
      if (![301, 302, 303, 307, 308].includes(answer.statusCode) || typeof location !== 'string')
        return answer;
      await this.#discard(answer.body).catch(() => undefined);
      const found = agents.follow(url, location);
      if (typeof found === 'string') throw redirected(`${name} ${found}`);
      if (asked.includes(found.url)) throw redirected(`${name} is redirected in a circle`);
      if (asked.length > REDIRECTS) throw redirected(`${name} is redirected more than ${REDIRECTS} times`);
      next = found;
    }
  }

  /** Reads an error page to its end, if that is near: then the connection can be used again. */
  async #discard(body: Readable): Promise<void> {
    let size = 0;
    for await (const chunk of this.#counted(body)) {
      size += chunk.length;
      if (size > PAGE_BYTES) break;
    }
  }

  async *#counted(body: Readable): AsyncGenerator<Buffer> {
    for await (const chunk of body) {
      this.#received += chunk.length;
      this.#options.onBytes?.(chunk.length);
      yield chunk;
    }
  }

  async #retrying<T>(name: string, attempt: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { attempts, pause, file } = this.#patience;
    for (let tried = 1; ; tried++) {
      try {
        return await attempt(AbortSignal.timeout(file));
      } catch (error) {
        if (!mayPass(error) || tried === attempts) throw named(error, name, this.#options.url);
        await wait(pause * 2 ** (tried - 1) * (0.75 + Math.random() / 2));
      }
    }
  }
}

interface Transfer {
  readonly name: string;
  readonly path: string;
  readonly limit: number;
  /** What tells whether the rest still belongs to what we have: without one, a retry starts over. */
  validator: string | undefined;
}

/** An answer that is a no and a fault on this side stay what they are; the rest may pass. */
function mayPass(error: unknown): boolean {
  if (error instanceof UpstreamError)
    return error.code === 'upstream/incomplete' || error.code === 'upstream/unavailable';
  if (codeOf(error) === 'ERR_INSIDE') return false;
  // undici's word for a proxy that wants other credentials
  return !(error instanceof FileError) && codeOf(error) !== 'UND_ERR_INVALID_ARG';
}

function named(error: unknown, name: string, url: string): unknown {
  if (error instanceof UpstreamError || error instanceof FileError) return error;
  if (error instanceof InsideError) return redirected(`${name} is redirected inside: ${error.message}`);
  return new UpstreamError('upstream/unreachable', `cannot get ${name} from ${url}`, {
    cause: error,
    advice: 'Check the address, the network and the proxy settings (HTTPS_PROXY, NO_PROXY)',
  });
}

/** What cannot be written here is no fault of upstream. */
async function ours<T>(path: string, work: Promise<T>): Promise<T> {
  return await work.catch((cause) => {
    throw new FileError('file/unwritable', `cannot write ${path}`, {
      cause,
      advice: 'Check the room on the disk and who may write there',
    });
  });
}

/** Where in the file the body begins and how long the file is, as far as the answer says it: else NaN. */
function placeOf(answer: Answer): { from: number; total: number } {
  if (answer.status === 200) return { from: 0, total: Number(answer.header('content-length') ?? Number.NaN) };
  const [, from, total] = /^bytes (\d+)-\d+\/(\d+)$/.exec(answer.header('content-range') ?? '') ?? [];
  return { from: Number(from), total: Number(total) };
}

/** If-Range wants a strong validator; without one, nothing is resumed. */
function validatorOf(answer: Answer): string | undefined {
  const etag = answer.header('etag');
  return etag?.startsWith('"') === true ? etag : answer.header('last-modified');
}

function redirected(what: string): UpstreamError {
  return new UpstreamError('upstream/redirect', what, {
    advice:
      'If upstream is to lead there, name that address with --upstream, or set --allow-private-redirects',
  });
}

function tooLarge(name: string, limit: number): UpstreamError {
  return new UpstreamError('upstream/too-large', `upstream sent more than ${limit} bytes as ${name}`, {
    advice: 'If the database has really grown, raise --max-size',
  });
}
