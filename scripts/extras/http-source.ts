import type { Readable } from 'node:stream';
import { request } from 'undici';
import { codeOf, MirrorError } from '../base/errors.ts';
import { EXTRA_PATIENCE } from '../base/limits/extras.ts';
import { CONNECT_MS, PAGE_BYTES, REDIRECTS } from '../base/limits/upstream.ts';
import { bytes } from '../base/words.ts';
import { Agents } from '../http/agents.ts';
import { readBody } from '../http/body.ts';
import { compressionIn } from '../http/content-encoding.ts';
import { basicAuthorization } from '../http/credentials.ts';
import type { Proxies } from '../http/proxies.ts';
import { asUpstreamError } from '../upstream/connection-error.ts';
import { refusedBy, wordsOf } from '../upstream/refused-answer.ts';
import { ExtraError, type ExtraErrorCode } from './error.ts';
import { withoutSecretsOf, wordsOfSource } from './source-words.ts';

/** Validators of a file that is known, as its source gave them. */
export interface Validators {
  readonly etag?: string | undefined;
  readonly lastModified?: string | undefined;
}

export interface Fetched extends Validators {
  readonly bytes: Buffer;
}

export interface FetchOptions {
  readonly userAgent: string;
  readonly proxies: Proxies;
  readonly patience?: { readonly idle: number; readonly total: number };
}

/**
 * Asks once for the file of a URL, of at most `limit` bytes; `unchanged` if its source says so of the known one. Nothing is
 * tried again: feeds block who asks too often. Throws an `ExtraError` in whose words neither password nor token is.
 */
export async function fetchSource(
  url: string,
  limit: number,
  { userAgent, proxies, patience = EXTRA_PATIENCE }: FetchOptions,
  known: Validators = {},
): Promise<Fetched | 'unchanged'> {
  const words = wordsOfSource(url);
  const asked = new URL(url);
  const authorization = basicAuthorization(asked);
  asked.username = asked.password = '';
  const signal = AbortSignal.timeout(patience.total);
  await using agents = new Agents(asked.href, proxies, { timeout: CONNECT_MS });
  const ask = async (at: string, dispatcher: Agents['first']) =>
    await request(at, {
      dispatcher,
      headers: {
        'user-agent': userAgent,
        accept: '*/*',
        'accept-encoding': 'identity',
        ...(authorization !== undefined && new URL(at).origin === asked.origin && { authorization }),
        ...(known.etag !== undefined && { 'if-none-match': known.etag }),
        ...(known.lastModified !== undefined && { 'if-modified-since': known.lastModified }),
      },
      signal,
      headersTimeout: patience.idle,
      bodyTimeout: patience.idle,
    });
  try {
    let next = { url: asked.href, dispatcher: agents.first };
    for (const seen = new Set<string>(); ; ) {
      seen.add(next.url);
      const answer = await ask(next.url, next.dispatcher);
      answer.body.on('error', () => {}); // readers see the error themselves; without a reader it must not crash us
      const { location } = answer.headers;
      if (![301, 302, 303, 307, 308].includes(answer.statusCode) || typeof location !== 'string')
        return await bodyOf(answer.statusCode, answer.headers, answer.body, { url, words, limit, known });
      answer.body.destroy();
      const target = agents.follow(next.url, location);
      if (typeof target === 'string') throw redirected(`${words} ${target}`);
      if (seen.has(target.url)) throw redirected(`${words} is redirected in a circle`);
      if (seen.size > REDIRECTS) throw redirected(`${words} is redirected more than ${REDIRECTS} times`);
      next = target;
    }
  } catch (error) {
    throw asExtraError(error, words, { isOver: signal.aborted, proxy: agents.proxyTo(asked.href) });
  }
}

interface Wanted {
  readonly url: string;
  readonly words: string;
  readonly limit: number;
  readonly known: Validators;
}

async function bodyOf(
  status: number,
  headers: Record<string, string | string[] | undefined>,
  body: Readable,
  { url, words, limit, known }: Wanted,
): Promise<Fetched | 'unchanged'> {
  const header = (name: string) => {
    const value = headers[name];
    return Array.isArray(value) ? value.join(', ') : value;
  };
  if (status === 304 && (known.etag ?? known.lastModified) !== undefined) {
    body.destroy();
    return 'unchanged';
  }
  if (status !== 200) throw await refused({ status, header }, body, { url, words });
  const encoding = compressionIn(header('content-encoding'));
  if (encoding !== undefined) {
    body.destroy();
    throw new ExtraError('extra/wrong-type', `${words} comes with the Content-Encoding ${encoding}, unasked`);
  }
  const total = Number(header('content-length') ?? Number.NaN);
  if (total > limit) {
    body.destroy();
    throw tooLarge(words, limit);
  }
  const { bytes: found, ended, error } = await readBody(body, limit + 1);
  if (found.length > limit) throw tooLarge(words, limit);
  if (ended === 'cut') throw error;
  return { bytes: found, etag: header('etag'), lastModified: header('last-modified') };
}

async function refused(
  answer: { readonly status: number; header(name: string): string | undefined },
  body: Readable,
  { url, words }: Pick<Wanted, 'url' | 'words'>,
): Promise<ExtraError> {
  const { status, header } = answer;
  const page = (await readBody(body, PAGE_BYTES)).bytes.toString('utf8');
  const refusal = refusedBy(answer, words, withoutSecretsOf(url, page));
  const code = refusal.proxy?.isSure === true ? 'extra/proxy' : (CODES[status] ?? codeOfRange(status));
  return new ExtraError(code, `its source ${wordsOf(refusal)}`, { retryAfter: header('retry-after') });
}

const CODES: Readonly<Record<number, ExtraErrorCode>> = {
  401: 'extra/denied',
  403: 'extra/denied',
  404: 'extra/gone',
  408: 'extra/unavailable',
  410: 'extra/gone',
  429: 'extra/limited',
};

function codeOfRange(status: number): ExtraErrorCode {
  return status >= 500 ? 'extra/unavailable' : 'extra/status';
}

/** Gives any error that kept a file from coming the code and the words of its source. */
function asExtraError(
  error: unknown,
  words: string,
  { isOver, proxy }: { readonly isOver: boolean; readonly proxy: string | undefined },
): ExtraError {
  if (error instanceof ExtraError) return error;
  if (isOver || isBrokenOff(error))
    return new ExtraError('extra/incomplete', `${words} did not come whole`, { cause: error });
  const { code, message, advice, cause } = asMirrorError(asUpstreamError(error, 'it', words, proxy));
  const own = OWN_CODES[code] ?? 'extra/unreachable';
  return new ExtraError(own, message, { cause, ...(advice !== undefined && { advice }) });
}

function asMirrorError(error: unknown): MirrorError {
  return error instanceof MirrorError ? error : new MirrorError('unexpected', String(error));
}

const OWN_CODES: Readonly<Record<string, ExtraErrorCode>> = {
  'upstream/tls': 'extra/tls',
  'upstream/proxy': 'extra/proxy',
  'upstream/unavailable': 'extra/unavailable',
  'upstream/redirect': 'extra/redirect',
};

function isBrokenOff(error: unknown): boolean {
  return /^UND_ERR_(?:BODY_TIMEOUT|HEADERS_TIMEOUT|SOCKET|RES_CONTENT_LENGTH_MISMATCH)$|^ECONNRESET$/.test(
    codeOf(error) ?? '',
  );
}

function redirected(what: string): ExtraError {
  return new ExtraError('extra/redirect', what, {
    advice: 'If that address is right, name it in the place of the first, or set --allow-private-redirects',
  });
}

function tooLarge(words: string, limit: number): ExtraError {
  return new ExtraError('extra/too-large', `${words} has more than ${bytes(limit)}`, {
    advice: 'If it really is that large, raise its maxSize in the list of extras',
  });
}
