import { parseJson } from '../base/json.ts';
import { ISSUES_BYTES } from '../base/limits/github.ts';
import { PIN_GONE } from '../engine/images/pin-gone.ts';
import { ISSUES_ARE_OFF } from '../notify/github/github-errors.ts';
import type { CheckSettings } from './quick-check-settings.ts';
import { fields, follow, good, textOf } from './quick-requests.ts';

/** Label of an issue that a good cycle closes. */
const WAITING_LABEL = /^clamav-mirror: (upstream|integrity|proof|publication|configuration)$/;
/** Issues of one page. */
const ISSUES_ASKED = 100;

/** Open issues of this mirror, as far as the quick check needs them. */
export interface OpenIssues {
  /** Number of one that a good cycle closes. */
  readonly waiting: number | undefined;
  /** True if one may be open that says that the mirror is not well. */
  readonly isBad: boolean;
  /** True if one says that a pinned image is gone: the mirror goes on without it. */
  readonly isPinGone: boolean;
}

const NO_ISSUES: OpenIssues = { waiting: undefined, isBad: false, isPinGone: false };

/** Asks for the open issues of this mirror. Without a token there may be some. */
export async function openIssues({ github }: CheckSettings): Promise<OpenIssues> {
  if (github === undefined) return { ...NO_ISSUES, isBad: true };
  const url = `${github.url}/issues?state=open&labels=clamav-mirror&per_page=${ISSUES_ASKED}`;
  const headers = { authorization: `Bearer ${github.token}`, accept: 'application/vnd.github+json' };
  const answer = await follow(url, headers);
  if (answer.status === ISSUES_ARE_OFF) {
    await answer.body?.cancel();
    return NO_ISSUES;
  }
  const issues = parseJson(await textOf(await good(answer, url), url, ISSUES_BYTES), ISSUES_BYTES);
  if (!Array.isArray(issues)) throw new Error(`${github.url} gives no list of issues`);
  const ours = issues.map(fields).filter(({ body }) => !isOfAnother(body, github.mirror));
  const bad = ours.filter(({ body }) => markedIn(body, 'code') !== PIN_GONE);
  const waiting = bad.find(
    ({ labels }) =>
      Array.isArray(labels) && labels.some((label) => WAITING_LABEL.test(String(fields(label).name))),
  );
  return {
    waiting: waiting && Number(waiting.number),
    isBad: bad.length > 0 || issues.length >= ISSUES_ASKED, // there may be more
    isPinGone: bad.length < ours.length,
  };
}

/** True if the marker at the start of an issue names another mirror. */
function isOfAnother(body: unknown, mirror: string): boolean {
  const named = markedIn(body, 'mirror');
  return named !== undefined && named !== mirror;
}

/** A word of the marker at the start of an issue (notify/github/issue-state.ts reads it with a package). */
function markedIn(body: unknown, name: 'mirror' | 'code'): string | undefined {
  const [line = ''] = String(body ?? '').split(/[\r\n]/, 1);
  if (!line.startsWith('<!-- clamav-mirror {')) return undefined;
  return new RegExp(`"${name}":"([\\w/-]{1,60})"`).exec(line)?.[1];
}
