import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type IncomingHttpHeaders, type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import type { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import type { ConfLine } from '../options.ts';
import { VERSION } from '../settings.ts';

const REDIRECTS = 3;
const MOVED = [301, 302, 303, 307, 308];

/** What a mirror answers. */
export interface Answer {
  readonly statusCode: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Readable;
}

type Ask = (url: URL, headers: Readonly<Record<string, string>>, signal: AbortSignal) => Promise<Answer>;

/** Whom freshclam would have asked itself: the mirrors of its configuration, through its proxy. */
export class Upstream implements AsyncDisposable {
  readonly #ask: Ask;
  #dispatcher: Dispatcher | undefined;
  /** What freshclam says of itself. */
  #userAgent = `ClamAV/${VERSION}`;

  constructor(conf: readonly ConfLine[]) {
    const hasProxy = ['http_proxy', 'https_proxy', 'HTTPS_PROXY'].some((name) => process.env[name]);
    this.#ask =
      hasProxy || valueIn(conf, 'HTTPProxyServer') !== undefined ? this.#throughProxy(conf) : askDirectly;
  }

  /** Follows redirects, as freshclam does. Rejects if no answer comes, or once `signal` is aborted. */
  async get(url: URL, headers: Readonly<Record<string, string>>, signal: AbortSignal): Promise<Answer> {
    this.#userAgent =
      headers['user-agent']?.replace(/^ClamAV\/\d+\.\d+\.\d+/, `ClamAV/${VERSION}`) ?? this.#userAgent;
    for (let at = url, left = REDIRECTS; ; left--) {
      const plain = new URL(at);
      [plain.username, plain.password] = ['', ''];
      const own = { ...headers, 'user-agent': this.#userAgent, ...authorization(at) };
      const response = await this.#ask(plain, own, signal);
      const { location } = response.headers;
      if (!MOVED.includes(response.statusCode) || typeof location !== 'string' || left === 0) return response;
      response.body.resume();
      at = new URL(location, plain);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#dispatcher?.destroy();
  }

  /** Undici is loaded for proxies alone: that takes longer than all else that a run of the stand-in does. */
  #throughProxy(conf: readonly ConfLine[]): Ask {
    return async (url, headers, signal) => {
      const undici = await import('undici');
      this.#dispatcher ??= dispatcherFor(conf, undici);
      const endless = { reset: true, headersTimeout: 0, bodyTimeout: 0 };
      return await undici.request(url, { dispatcher: this.#dispatcher, headers, signal, ...endless });
    };
  }
}

const askDirectly: Ask = async (url, headers, signal) => {
  const bundle = bundleOf(process.env);
  const ask = url.protocol === 'https:' ? requestHttps : requestHttp;
  const request = ask(url, { headers, signal, agent: false, ...(bundle && { ca: bundle }) }).end();
  const [response]: IncomingMessage[] = await once(request, 'response');
  if (response?.statusCode === undefined) throw new Error('a response has a status');
  return { statusCode: response.statusCode, headers: response.headers, body: response };
};

function authorization({ username, password }: URL): Record<string, string> {
  if (username === '') return {};
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { authorization: `Basic ${Buffer.from(pair).toString('base64')}` };
}

function valueIn(conf: readonly ConfLine[], key: string): string | undefined {
  return conf.findLast((line) => line.key === key)?.value;
}

/** The certificates that libcurl would trust. */
function bundleOf({ CURL_CA_BUNDLE, SSL_CERT_FILE }: NodeJS.ProcessEnv): Buffer | undefined {
  const path = CURL_CA_BUNDLE ?? SSL_CERT_FILE;
  return path === undefined ? undefined : readFileSync(path);
}

function dispatcherFor(
  conf: readonly ConfLine[],
  { EnvHttpProxyAgent, ProxyAgent }: typeof import('undici'),
): Dispatcher {
  const bundle = bundleOf(process.env);
  const connect = bundle === undefined ? {} : { ca: bundle };
  const server = valueIn(conf, 'HTTPProxyServer');
  if (server === undefined) return new EnvHttpProxyAgent({ connect });
  const proxy = new URL(server.includes('://') ? server : `http://${server}`);
  proxy.port = valueIn(conf, 'HTTPProxyPort') ?? proxy.port;
  const [user, password] = [valueIn(conf, 'HTTPProxyUsername'), valueIn(conf, 'HTTPProxyPassword') ?? ''];
  const token = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
  return new ProxyAgent({
    uri: proxy.href,
    proxyTunnel: true, // as freshclam does it
    requestTls: connect,
    ...(user === undefined ? {} : { token }),
  });
}
