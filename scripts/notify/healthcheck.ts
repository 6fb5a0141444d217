import { setTimeout as wait } from 'node:timers/promises';
import { EnvHttpProxyAgent, request } from 'undici';
import { codeOf } from '../base/errors.ts';
import { PING_ANSWER_BYTES, PING_CHARACTERS, PING_PATIENCE } from '../base/limits/github.ts';
import { startOfBody } from '../http/body.ts';
import { isHttp } from '../http/is-http.ts';
import { prepareNetwork } from '../http/network.ts';
import type { Proxies } from '../http/proxies.ts';

/** Outcome of a cycle, for a service that notices cycles that fail to run. */
export interface Ping {
  /** True if the cycle ended well: what is published is proven and was checked. */
  readonly verified: boolean;
  /** A few words for the log of the service. */
  readonly text: string;
}

/** Times for a ping, in milliseconds. */
export interface PingPatience {
  /** Deadline of one answer. */
  readonly answer: number;
  /** Pauses before the second and each later attempt. */
  readonly waits: readonly number[];
}

/**
 * Pings a URL as healthchecks.io expects: unchanged after a verified cycle, else with `/fail` appended. Never throws.
 * Returns what went wrong, without the URL, which is a secret.
 */
export async function pingHealthcheck(
  url: string,
  { verified, text }: Ping,
  { proxies, patience = PING_PATIENCE }: { readonly proxies: Proxies; readonly patience?: PingPatience },
): Promise<string | undefined> {
  const target = isHttp(url) ? URL.parse(url) : null;
  if (target === null)
    return 'the healthcheck was not pinged: its URL does not start with http:// or https://';
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
    return 'the healthcheck was not pinged'; // the error may hold the URL
  } finally {
    await agent.destroy().catch(() => {});
  }
}

interface Problem {
  readonly what: string;
  /** True if trying again cannot help. */
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
    said.on('error', () => {}); // a reader gets the error; hanging up before that must not crash
    if (statusCode < 200 || statusCode > 299) {
      said.destroy();
      return {
        what: `it answers ${statusCode}`,
        final: statusCode < 500 && statusCode !== 408 && statusCode !== 429,
      };
    }
    // healthchecks.io answers `OK (not found)` with status 200 for a check that it does not know
    const [, but] =
      /^OK \(([a-z ]{1,40})\)/.exec((await startOfBody(said, PING_ANSWER_BYTES)).toString('utf8')) ?? [];
    return but === undefined ? undefined : { what: `it says ${but}`, final: true };
  } catch (error) {
    const timedOut = error instanceof Error && error.name === 'TimeoutError';
    return { what: timedOut ? 'no answer in time' : (codeOf(error) ?? 'no answer'), final: false };
  }
}
