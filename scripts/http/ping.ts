import { setTimeout as wait } from 'node:timers/promises';
import { codeOf } from '../base/errors.ts';
import { PING_ANSWER_BYTES, PING_CHARACTERS, PING_PATIENCE } from '../base/limits/github.ts';
import { startOfBody } from './body.ts';
import { basicAuthorization } from './credentials.ts';
import { isHttp } from './is-http.ts';
import { proxyRefusalIn, refusalWords } from './proxy-refusal.ts';

/** Outcome of a run, for a service that notices runs that fail or do not come. */
export interface Ping {
  /** True if the run ended well: what is published is proven and was checked. */
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

/** Sends one request; Node's own `fetch` will do, and so will one that knows proxies. */
export type Send = (
  url: string,
  request: {
    readonly method: 'POST';
    readonly headers: Readonly<Record<string, string>>;
    readonly body: string;
    readonly redirect: 'manual';
    readonly signal: AbortSignal;
  },
) => Promise<{ readonly status: number; readonly body: AsyncIterable<Uint8Array> | null }>;

/**
 * Pings a URL as healthchecks.io expects: unchanged after a verified run, else with `/fail` appended. Never throws, and
 * needs no package. Returns what went wrong, without the URL, which is a secret.
 */
export async function pingBy(
  send: Send,
  url: string,
  { verified, text }: Ping,
  patience: PingPatience = PING_PATIENCE,
): Promise<string | undefined> {
  const target = isHttp(url) ? URL.parse(url) : null;
  if (target === null)
    return 'the healthcheck was not pinged: its URL does not start with http:// or https://';
  if (!verified) target.pathname = `${target.pathname.replace(/\/+$/, '')}/fail`;
  try {
    for (let attempt = 0; ; attempt++) {
      const problem = await ping(send, target, [...text].slice(0, PING_CHARACTERS).join(''), patience);
      if (problem === undefined) return undefined;
      const pause = patience.waits[attempt];
      if (problem.final || pause === undefined) return `the healthcheck was not pinged: ${problem.what}`;
      await wait(pause);
    }
  } catch {
    return 'the healthcheck was not pinged'; // the error may hold the URL
  }
}

interface Problem {
  readonly what: string;
  /** True if trying again cannot help. */
  readonly final: boolean;
}

async function ping(
  send: Send,
  target: URL,
  body: string,
  { answer }: PingPatience,
): Promise<Problem | undefined> {
  const authorization = basicAuthorization(target);
  try {
    const { status, body: said } = await send(`${target.origin}${target.pathname}${target.search}`, {
      method: 'POST',
      headers: {
        'content-type': 'text/plain; charset=utf-8',
        ...(authorization !== undefined && { authorization }),
      },
      body,
      redirect: 'manual',
      signal: AbortSignal.timeout(answer),
    });
    const start = said === null ? '' : (await startOfBody(said, PING_ANSWER_BYTES)).toString('utf8');
    if (status < 200 || status > 299)
      return { what: `it answers ${status}`, final: status < 500 && status !== 408 && status !== 429 };
    // healthchecks.io answers `OK (not found)` with status 200 for a check that it does not know
    const [, but] = /^OK \(([a-z ]{1,40})\)/.exec(start) ?? [];
    return but === undefined ? undefined : { what: `it says ${but}`, final: true };
  } catch (error) {
    const timedOut = error instanceof Error && error.name === 'TimeoutError';
    const refusal = proxyRefusalIn(error);
    if (refusal !== undefined) return { what: refusalWords(refusal), final: refusal.status === 407 };
    const code = codeOf(error) ?? codeOf(Object(error).cause);
    return { what: timedOut ? 'no answer in time' : (code ?? 'no answer'), final: false };
  }
}
