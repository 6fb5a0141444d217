import { open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { setTimeout as wait } from 'node:timers/promises';
import { request } from 'undici';
import { codeOf } from '../base/errors.ts';
import { PAGE_BYTES, PROXIED_CONNECT_MS, REDIRECTS } from '../base/limits/upstream.ts';
import { FileError } from '../files/atomic.ts';
import { withRoom } from '../files/disk-space.ts';
import { openToAppend } from '../files/open.ts';
import type { Agents } from '../http/agents.ts';
import { readBody, startOfBody } from '../http/body.ts';
import { compressionIn } from '../http/content-encoding.ts';
import { type Answer, placeOf, validatorOf } from './answer.ts';
import { asUpstreamError, mayPass, redirected } from './connection-error.ts';
import { type CoolDownGuard, proxyError } from './cool-down.ts';
import { UpstreamError } from './error.ts';
import { PATIENCE, Pace, type Patience } from './pace.ts';
import { refusedBy, wordsOf } from './refused-answer.ts';

export type { Patience };

/** Size of a probe: a CVD's header and the gzip header behind it (clamav-formats.md §1). */
export const PROBE_SIZE = 522;

export interface ClientOptions {
  /** Base URL without a final slash. */
  readonly url: string;
  readonly userAgent: string;
  readonly agents: Agents;
  readonly coolDown: CoolDownGuard;
  readonly patience?: Partial<Patience>;
  readonly onBytes?: (bytes: number) => void;
  /** Called for each answer that is not a redirect, good or bad. */
  readonly onAnswer?: (header: (name: string) => string | undefined) => void;
}

/** Resumption of a partial file. */
export interface Resumption {
  /** ETag or Last-Modified of the file that the part belongs to. Without one, nothing is resumed. */
  readonly validator?: string | undefined;
  /** True if no cache on the way may answer. */
  readonly fresh?: boolean;
  /** Called before any byte is written, with the validator and size of the file that upstream sends; `NaN`: unknown. */
  onFile?(validator: string | undefined, total: number): Promise<void>;
}

/** A small, unproven file from upstream. */
export interface Fetched {
  readonly bytes: Buffer;
  readonly etag: string | undefined;
}

/** Where a cycle takes the files of one database from. Proves nothing: the caller does. */
export interface UpstreamFiles {
  /** Base URL of the upstream without a final slash, or what stands in for one. */
  readonly url: string;
  /** Bytes received so far. */
  readonly received: number;
  /** Time of what it says, if that is not now. */
  readonly asOf?: Date;
  /** An older CVD that it has instead of the one that it offers, and from which its CDIFFs lead on. */
  readonly base?: { readonly version: number; download(path: string, limit: number): Promise<void> };
  /** First `PROBE_SIZE` bytes of a file. */
  probe(name: string, options?: { readonly fresh?: boolean }): Promise<Buffer>;
  /** Brings a file of at most `limit` bytes to a temporary name. */
  download(name: string, path: string, limit: number, resumption?: Resumption): Promise<void>;
  /** Brings a small file of at most `limit` bytes; `unchanged` if it is still the one of `etag`. */
  fetch(
    name: string,
    limit: number,
    etag?: string,
    options?: { readonly fresh?: boolean },
  ): Promise<Fetched | 'unchanged'>;
}

/**
 * Asks one upstream for files and counts the bytes. Retries errors that may pass (no connection, a cut, 5xx), and
 * starts a cool-down if upstream asks for one (403, 429). Proves nothing: the caller does.
 */
export class UpstreamClient implements UpstreamFiles {
  readonly #options: ClientOptions;
  readonly #patience: Patience;
  #received = 0;

  constructor(options: ClientOptions) {
    this.#options = options;
    this.#patience = { ...PATIENCE, ...options.patience };
  }

  /** Base URL of the upstream that it asks, without a final slash. */
  get url(): string {
    return this.#options.url;
  }

  /** Bytes of bodies received so far, those of failed attempts included. */
  get received(): number {
    return this.#received;
  }

  /** First `PROBE_SIZE` bytes of a file. If the host ignores Range, the rest is not read. */
  async probe(name: string, { fresh = false } = {}): Promise<Buffer> {
    return await this.#retrying(name, async (pace) => {
      const range = { range: `bytes=0-${PROBE_SIZE - 1}` };
      const answer = await this.#ask(name, range, pace, fresh);
      const { total } = placeOf(answer);
      const start = await startOfBody(this.#counted(answer.body, pace), PROBE_SIZE);
      if (start.length < Math.min(PROBE_SIZE, total)) throw cut(name, start.length, total);
      return start;
    });
  }

  /**
   * Streams a file to `path`, resuming a cut transfer if upstream can. More than `limit` bytes are refused. The bytes
   * are unproven, so `path` must be a temporary name. With a validator, the existing bytes at `path` are the file's
   * beginning.
   */
  async download(name: string, path: string, limit: number, resumption: Resumption = {}): Promise<void> {
    const { validator, fresh = false } = resumption;
    const transfer: Transfer = { name, path, limit, fresh, validator, reached: 0 };
    await this.#retrying(name, async (pace) => await this.#transfer(transfer, resumption, pace));
  }

  /**
   * Fetches a small file with its ETag; `unchanged` if upstream still has the file of `etag`. More than `limit` bytes
   * are refused.
   */
  async fetch(
    name: string,
    limit: number,
    etag?: string,
    { fresh = false } = {},
  ): Promise<Fetched | 'unchanged'> {
    return await this.#retrying(name, async (pace) => {
      const known = etag === undefined ? {} : { 'if-none-match': etag };
      const answer = await this.#ask(name, known, pace, fresh);
      if (answer.status === 304) {
        answer.body.destroy();
        return 'unchanged';
      }
      const { total } = placeOf(answer);
      const bytes = await startOfBody(this.#counted(answer.body, pace), limit + 1);
      if (bytes.length > limit) throw tooLarge(name, limit);
      if (!Number.isNaN(total) && bytes.length !== total) throw cut(name, bytes.length, total);
      return { bytes, etag: answer.header('etag') };
    });
  }

  async #transfer(transfer: Transfer, { onFile }: Resumption, pace: Pace): Promise<void> {
    const { name, path, limit, validator } = transfer;
    await using file = await ours(path, validator === undefined ? open(path, 'w') : openToAppend(path));
    const have = (await file.stat()).size;
    const resume = { range: `bytes=${have}-`, 'if-range': validator ?? '' };
    const answer = await this.#ask(name, have > 0 ? resume : {}, pace, transfer.fresh);
    const { from, total } = placeOf(answer);
    const found = validatorOf(answer);
    if (
      answer.status === 416 ||
      (answer.status === 206 && (from !== have || (found !== undefined && found !== validator)))
    ) {
      answer.body.destroy();
      transfer.validator = undefined; // the part is unusable
      throw new UpstreamError('upstream/incomplete', `the rest of ${name} cannot be had as it was`);
    }
    if (from < have) await ours(path, file.truncate());
    transfer.validator = Number.isNaN(total) ? undefined : found; // without a length, the rest is unknown
    if (total > limit) {
      answer.body.destroy();
      throw tooLarge(name, limit);
    }
    await onFile?.(transfer.validator, total);
    let size = from;
    for await (const chunk of this.#counted(answer.body, pace)) {
      size += chunk.length;
      if (size > limit) throw tooLarge(name, limit);
      await ours(path, file.writeFile(chunk), total);
      const newBytes = Math.min(chunk.length, Math.max(0, size - transfer.reached));
      if (transfer.validator !== undefined) pace.kept(newBytes);
      transfer.reached = Math.max(transfer.reached, size);
    }
    if (!Number.isNaN(total) && size !== total) throw cut(name, size, total);
  }

  async #ask(name: string, headers: Record<string, string>, pace: Pace, fresh: boolean): Promise<Answer> {
    using turn = await this.#options.coolDown.turn();
    const answer = await this.#follow(name, { ...freshness(name, headers, fresh), ...headers }, pace);
    const header = (wanted: string) => {
      const value = answer.headers[wanted];
      return Array.isArray(value) ? value.join(', ') : value;
    };
    this.#options.onAnswer?.(header);
    const status = answer.statusCode;
    const encoding = compressionIn(header('content-encoding'));
    const isAsked =
      (status === 304 && headers['if-none-match'] !== undefined) ||
      (status === 416 && headers['if-range'] !== undefined);
    if (isAsked || ((status === 200 || status === 206) && encoding === undefined)) {
      await turn.good();
      return { status, body: answer.body, header };
    }
    const page = await this.#page(answer.body, pace);
    if (status === 404 || status === 410)
      throw new UpstreamError('upstream/missing', `upstream has no ${name}`);
    if (status === 200 || status === 206) {
      throw new UpstreamError('upstream/encoded', `upstream sent ${name} with Content-Encoding ${encoding}`);
    }
    const refused = refusedBy({ status, header }, name, page);
    if (status === 403 || status === 429)
      throw await turn.refused({ ...refused, status }, header('retry-after'));
    const code = status >= 500 || status === 408 ? 'upstream/unavailable' : 'upstream/status';
    if (refused.proxy?.isSure === true) throw proxyError(refused, status === 407 ? undefined : code);
    throw new UpstreamError(code, `upstream ${wordsOf(refused)}`);
  }

  /** Follows redirects to the first other answer. */
  async #follow(name: string, headers: Record<string, string>, pace: Pace) {
    const { url: base, userAgent, agents } = this.#options;
    let next = { url: `${base}/${name}`, dispatcher: agents.first };
    const asked: string[] = [];
    for (;;) {
      const { url, dispatcher } = next;
      asked.push(url);
      const { idle } = this.#patience;
      using deadline = new Deadline(PROXIED_CONNECT_MS + 2 * idle);
      const answer = await request(url, {
        dispatcher,
        headers: { 'user-agent': userAgent, accept: '*/*', 'accept-encoding': 'identity', ...headers },
        signal: deadline.signal,
        headersTimeout: idle,
        bodyTimeout: idle,
      });
      answer.body.on('error', () => {}); // readers see the error themselves; without a reader it must not crash us
      const { location } = answer.headers;
      if (![301, 302, 303, 307, 308].includes(answer.statusCode) || typeof location !== 'string')
        return answer;
      await this.#page(answer.body, pace);
      const found = agents.follow(url, location);
      if (typeof found === 'string') throw redirected(`${name} ${found}`);
      if (asked.includes(found.url)) throw redirected(`${name} is redirected in a circle`);
      if (asked.length > REDIRECTS) throw redirected(`${name} is redirected more than ${REDIRECTS} times`);
      next = found;
    }
  }

  /** Reads a short error page to its end, so the connection can be used again. */
  async #page(body: Readable, pace: Pace): Promise<string> {
    const { bytes } = await readBody(this.#counted(body, pace), PAGE_BYTES + 1);
    return bytes.toString('utf8'); // a part of the page is enough
  }

  async *#counted(body: Readable, pace: Pace): AsyncGenerator<Buffer> {
    pace.flow();
    let taken = 0;
    for await (const chunk of body) {
      this.#received += chunk.length;
      this.#options.onBytes?.(chunk.length);
      if (taken > 0) pace.count(taken); // the chunk before is stored by now, and was not the last
      yield chunk;
      taken = chunk.length;
    }
  }

  async #retrying<T>(name: string, attempt: (pace: Pace) => Promise<T>): Promise<T> {
    const pace = new Pace(name, this.#patience);
    for (;;) {
      pace.begin();
      try {
        return await attempt(pace);
      } catch (error) {
        const pause = mayPass(error) ? pace.pause : undefined;
        const { url, agents } = this.#options;
        if (pause === undefined) throw asUpstreamError(error, name, url, agents.proxyTo(url));
        await wait(pause);
      }
    }
  }
}

/** Ends a request without an answer, even if its head trickles. */
class Deadline implements Disposable {
  readonly #controller = new AbortController();
  readonly #timer: NodeJS.Timeout;

  constructor(milliseconds: number) {
    this.#timer = setTimeout(
      () => this.#controller.abort(new DOMException('no head', 'TimeoutError')),
      milliseconds,
    );
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }
}

/**
 * Request headers that keep caches from answering with an old file. Without them a proxy may give the same `daily.cvd`
 * for days, and upstream seems to have no update.
 */
function freshness(
  name: string,
  headers: Readonly<Record<string, string>>,
  fresh: boolean,
): Record<string, string> {
  if (fresh) return { 'cache-control': 'no-cache', pragma: 'no-cache' };
  const isVersioned = /-\d+\.(cdiff|cdiff\.sign|cvd\.sign)$/.test(name);
  return isVersioned && headers['if-none-match'] === undefined ? {} : { 'cache-control': 'no-cache' };
}

interface Transfer {
  readonly name: string;
  readonly path: string;
  readonly limit: number;
  /** True if no cache on the way may answer. */
  readonly fresh: boolean;
  /** ETag or date of the file that the received part belongs to. Without one, a retry starts over. */
  validator: string | undefined;
  /** Bytes of the file that some attempt got to. */
  reached: number;
}

/** Turns an error of our own disk into a `FileError`, so upstream is not blamed. */
async function ours<T>(path: string, work: Promise<T>, need = Number.NaN): Promise<T> {
  const wanted = async () => (Number.isNaN(need) ? undefined : need);
  return await withRoom(path, () => work, wanted).catch((cause) => {
    if (codeOf(cause) === 'file/full') throw cause;
    throw new FileError('file/unwritable', `cannot write ${path}`, {
      cause,
      advice: 'Check the free space of the disk, and the rights of the folder',
    });
  });
}

function cut(name: string, size: number, total: number): UpstreamError {
  return new UpstreamError('upstream/incomplete', `${name} ended after ${size} of ${total} bytes`);
}

function tooLarge(name: string, limit: number): UpstreamError {
  return new UpstreamError('upstream/too-large', `upstream sent more than ${limit} bytes as ${name}`, {
    advice: 'If the database really has grown, raise --max-size',
  });
}
