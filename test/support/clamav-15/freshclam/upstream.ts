import { readFileSync } from 'node:fs';
import { Agent, type Dispatcher, EnvHttpProxyAgent, ProxyAgent, request } from 'undici';
import type { ConfLine } from '../options.ts';
import { VERSION } from '../settings.ts';

const REDIRECTS = 3;
const MOVED = [301, 302, 303, 307, 308];

/** Whom freshclam would have asked itself: the mirrors of its configuration, through its proxy. */
export class Upstream implements AsyncDisposable {
  readonly #dispatcher: Dispatcher;
  /** What freshclam says of itself. */
  #userAgent = `ClamAV/${VERSION}`;

  constructor(conf: readonly ConfLine[]) {
    this.#dispatcher = dispatcherFor(conf);
  }

  /** Follows redirects, as freshclam does. Rejects if no answer comes, or once `signal` is aborted. */
  async get(
    url: URL,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<Dispatcher.ResponseData> {
    this.#userAgent =
      headers['user-agent']?.replace(/^ClamAV\/\d+\.\d+\.\d+/, `ClamAV/${VERSION}`) ?? this.#userAgent;
    for (let at = url, left = REDIRECTS; ; left--) {
      const plain = new URL(at);
      [plain.username, plain.password] = ['', ''];
      const response = await request(plain, {
        dispatcher: this.#dispatcher,
        headers: { ...headers, 'user-agent': this.#userAgent, ...authorization(at) },
        signal,
        reset: true,
        headersTimeout: 0,
        bodyTimeout: 0,
      });
      const { location } = response.headers;
      if (!MOVED.includes(response.statusCode) || typeof location !== 'string' || left === 0) return response;
      await response.body.dump();
      at = new URL(location, plain);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#dispatcher.destroy();
  }
}

function authorization({ username, password }: URL): Record<string, string> {
  if (username === '') return {};
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { authorization: `Basic ${Buffer.from(pair).toString('base64')}` };
}

function dispatcherFor(conf: readonly ConfLine[]): Dispatcher {
  const value = (key: string) => conf.findLast((line) => line.key === key)?.value;
  const bundle = process.env.CURL_CA_BUNDLE ?? process.env.SSL_CERT_FILE;
  const connect = bundle === undefined ? {} : { ca: readFileSync(bundle) };
  const server = value('HTTPProxyServer');
  if (server === undefined) {
    const hasProxy = ['http_proxy', 'https_proxy', 'HTTPS_PROXY'].some((name) => process.env[name]);
    return hasProxy ? new EnvHttpProxyAgent({ connect }) : new Agent({ connect });
  }
  const proxy = new URL(server.includes('://') ? server : `http://${server}`);
  proxy.port = value('HTTPProxyPort') ?? proxy.port;
  const [user, password] = [value('HTTPProxyUsername'), value('HTTPProxyPassword') ?? ''];
  const token = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
  return new ProxyAgent({
    uri: proxy.href,
    proxyTunnel: true, // as freshclam does it
    requestTls: connect,
    ...(user === undefined ? {} : { token }),
  });
}
