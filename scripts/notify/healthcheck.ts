import { setTimeout as wait } from 'node:timers/promises';
import { EnvHttpProxyAgent, request } from 'undici';
import { codeOf } from '../base/errors.ts';
import { PING_ANSWER_BYTES, PING_CHARACTERS, PING_PATIENCE } from '../base/limits/github.ts';
import { startOfBody } from '../http/body.ts';
import { isHttp } from '../http/is-http.ts';
import { prepareNetwork } from '../http/network.ts';
import type { Proxies } from '../http/proxies.ts';

/** What a cycle came to, for whoever watches for cycles that fail to come. */
export interface Ping {
  /** Whether what is published is proven and was checked. */
  readonly verified: boolean;
  /** A few words for the log of the service. */
  readonly text: string;
}

/** Milliseconds. */
export interface PingPatience {
  /** For one answer. */
  readonly answer: number;
  /** Before each further attempt. */
  readonly waits: readonly number[];
}

/**
 * Pings a URL in the manner of healthchecks.io: as it is after a verified cycle, with `/fail` at its end otherwise.
 * Returns what went wrong, in words that do not tell the URL, which is a secret; never throws.
 */
export async function pingHealthcheck(
  url: string,
  { verified, text }: Ping,
  { proxies, patience = PING_PATIENCE }: { readonly proxies: Proxies; readonly patience?: PingPatience },
): Promise<string | undefined> {
  const target = isHttp(url) ? URL.parse(url) : null;
  if (target === null)
    return 'the healthcheck was not pinged: it is no URL that starts with http:// or https://';
  if (!verified) target.pathname = `${target.pathname.replace(/\/+$/, '')}/fail`;
  prepareNetwork();
  const agent = new EnvHttpProxyAgent({ ...proxies, connect: { timeout: patience.answer } });
  try {
    for (let attempt = 0; ; attempt++) {
      const problem = await ping(target, [...text].slice(0, PING_CHARACTERS).join(''), agent, patience);
      if (problem === undefined) return undefined;
      const pause = patience.waits[attempt];
      if (problem.final || pause === undefined) return `the healthcheck was not pinged: ${problem.what}`;
      await wait(pause);
    }
  } catch {
    return 'the healthcheck was not pinged'; // whatever it was may hold the URL
  } finally {
    await agent.destroy().catch(() => {});
  }
}

interface Problem {
  readonly what: string;
  /** Trying again is of no use. */
  readonly final: boolean;
}

async function ping(
  target: URL,
  body: string,
  dispatcher: EnvHttpProxyAgent,
  { answer }: PingPatience,
): Promise<Problem | undefined> {
  const { origin, username, password } = target;
  const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  const authorization =
    username === '' ? {} : { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` };
  try {
    const { statusCode, body: said } = await request(`${origin}${target.pathname}${target.search}`, {
      method: 'POST',
      headers: { 'content-type': 'text/plain; charset=utf-8', ...authorization },
      body,
      dispatcher,
      signal: AbortSignal.timeout(answer),
    });
    said.on('error', () => {}); // whoever reads it sees the error; hanging up before that is no crash
    if (statusCode < 200 || statusCode > 299) {
      said.destroy();
      return {
        what: `it answers ${statusCode}`,
        final: statusCode < 500 && statusCode !== 408 && statusCode !== 429,
      };
    }
    // healthchecks.io says `OK (not found)` with status 200 to whom it does not know
    const [, but] =
      /^OK \(([a-z ]{1,40})\)/.exec((await startOfBody(said, PING_ANSWER_BYTES)).toString('utf8')) ?? [];
    return but === undefined ? undefined : { what: `it says ${but}`, final: true };
  } catch (error) {
    const timedOut = error instanceof Error && error.name === 'TimeoutError';
    return { what: timedOut ? 'no answer in time' : (codeOf(error) ?? 'no answer'), final: false };
  }
}
