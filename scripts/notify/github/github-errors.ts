import { proxyRefusalIn, refusalAdvice, refusalWords } from '../../http/proxy-refusal.ts';
import { oneLine } from '../escape.ts';

/** Status with which GitHub says that issues are switched off in a repository: none can be open. */
export const ISSUES_ARE_OFF = 410;

/** Status of GitHub's answer; `undefined` if there was none. */
export function statusOf(error: unknown): number | undefined {
  return answerOf(error)?.status;
}

/**
 * Milliseconds until GitHub takes requests again; `undefined` if the error is no rate limit, `Infinity` if it does
 * not say. https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api
 */
export function rateLimitWait(error: unknown): number | undefined {
  const { status, headers = {} } = answerOf(error) ?? {};
  if (status !== 403 && status !== 429) return undefined;
  const seconds = Number(headers['retry-after'] ?? Number.NaN);
  if (Number.isFinite(seconds)) return Math.max(0, seconds * 1000);
  if (headers['x-ratelimit-remaining'] === '0') {
    const reset = Number(headers['x-ratelimit-reset'] ?? Number.POSITIVE_INFINITY) * 1000;
    return Math.max(0, reset - Date.now());
  }
  return status === 429 || /rate limit/i.test(String(error)) ? Number.POSITIVE_INFINITY : undefined;
}

/** Explains in one line, for an annotation, why GitHub did not do what we asked, and what to do about it. */
export function explainGitHub(error: unknown): string {
  const status = statusOf(error);
  const words = oneLine(error instanceof Error ? error.message : String(error));
  if (rateLimitWait(error) !== undefined) return `GitHub limits how often we may ask (${status})`;
  const refusal = proxyRefusalIn(error);
  if (refusal !== undefined)
    return `GitHub's API is not reached: ${refusalWords(refusal)}. ${refusalAdvice(refusal)}`;
  if (status === undefined) return `GitHub's API gave no usable answer: ${words}`;
  if (status >= 500) return `GitHub's API fails (${status})`;
  const advice = ADVICE[status];
  return `GitHub answered ${status}: ${words}${advice === undefined ? '' : `. ${advice}`}`;
}

const ADVICE: Readonly<Record<number, string>> = {
  401: 'The token is not valid, or has expired',
  403: 'Give the job `permissions: issues: write`',
  404: 'The token cannot see this repository, or lacks `issues: write`',
  410: 'Issues are turned off, as in every new fork. Turn them on in the settings of the repository, under Features',
};

/** Answer inside Octokit's RequestError. The error's own status does not do: it is 500 if no answer came. */
function answerOf(error: unknown): { status: number; headers: Record<string, unknown> } | undefined {
  if (!(error instanceof Error) || !('response' in error)) return undefined;
  const { response } = error;
  if (typeof response !== 'object' || response === null) return undefined;
  if (!('status' in response) || typeof response.status !== 'number') return undefined;
  const headers = 'headers' in response && typeof response.headers === 'object' ? response.headers : null;
  return { status: response.status, headers: { ...headers } };
}
