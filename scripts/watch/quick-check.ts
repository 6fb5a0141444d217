import { randomUUID } from 'node:crypto';
import { isWithin, SEEN_LATELY_MS } from '../base/clock.ts';
import { explain } from '../base/errors.ts';
import { parseJson } from '../base/json.ts';
import { ISSUES_BYTES } from '../base/limits/github.ts';
import { isPlausibleCount, isPlausibleTime, MANIFEST_BYTES } from '../base/limits/manifest.ts';
import { QUICK_CHECK_MS } from '../base/limits/mirror.ts';
import { userAgentOf } from '../base/version.ts';
import { HEADER_SIZE, parseHeader } from '../cvd/header.ts';
import { cvdName, cvdSignName } from '../cvd/names.ts';
import { startOfBody } from '../http/body.ts';
import { prepareNetwork } from '../http/network.ts';
import { type DnsRecord, isInRecord, lookUp } from '../upstream/dns.ts';
import type { CheckSettings } from './quick-check-settings.ts';

/** Run a cycle anyway once the last successful check is this old. */
const MAX_CHECK_AGE_MS = SEEN_LATELY_MS;
/** Label of an issue that a good cycle closes. */
const WAITING_LABEL = /^clamav-mirror: (upstream|integrity|proof|publication|configuration)$/;

export interface QuickCheck {
  readonly needed: boolean;
  readonly reason: string;
}

/**
 * Tells whether a cycle has anything to do: compares the published manifest with what upstream advertises, with a few small
 * requests and without any package. Without an answer it never says no: the cycle will find out.
 */
export async function quickCheck(settings: CheckSettings, now: Date): Promise<QuickCheck> {
  const { asked, publicUrl } = settings;
  if (asked !== undefined) return needed(asked);
  if (publicUrl === undefined)
    return needed('public-url is not set, so this check cannot see what is published');
  prepareNetwork();
  try {
    const published = read(await fetchText(`${publicUrl}/manifest.json`, MANIFEST_BYTES), settings.databases);
    const old = settings.databases.find((database) => isOld(published.get(database), now));
    if (old !== undefined) return needed(whyOld(old, published.get(old)));
    const versions = await advertised(settings, now);
    for (const [database, known] of published) {
      const { at, version } = known.seen;
      const seenLately = version === known.version && isWithin(at, MAX_CHECK_AGE_MS, now);
      const advertised = versions.get(database);
      // DNS can be forged: it counts only where it names the published version, and only for some hours
      const offered =
        seenLately && advertised === known.version
          ? advertised
          : await offeredVersion(settings.upstream, database);
      if (!known.isHeld && offered !== known.version) {
        return needed(`${database}: ${known.version} is published, upstream has ${offered}`);
      }
      if (!known.isHeld && advertised !== undefined && advertised > offered)
        return needed(`${database}: DNS names ${advertised}, and upstream still has ${offered}`);
      const sign = cvdSignName(database, known.version);
      if (known.lacksSign && (await isThere(`${settings.upstream}/${sign}`))) {
        return needed(`upstream has ${sign} now`);
      }
    }
    const issue = await openIssue(settings);
    if (issue !== undefined) return needed(`issue #${issue} waits for a good cycle`);
    const checked = [...published.values()].map((known) => known.checked).sort();
    return { needed: false, reason: `nothing is new since ${checked[0]}` };
  } catch (error) {
    return needed(explain(error));
  }
}

function needed(reason: string): QuickCheck {
  return { needed: true, reason };
}

interface Known {
  readonly version: number;
  /** Time at which it was last known to be upstream's newest. */
  readonly checked: string;
  readonly isHeld: boolean;
  readonly lacksSign: boolean;
  readonly seen: { readonly at: string; readonly version: unknown };
}

function isOld(known: Known | undefined, now: Date): boolean {
  const age = now.getTime() - Date.parse(known?.checked ?? '');
  return !(age >= 0 && age < MAX_CHECK_AGE_MS);
}

function whyOld(database: string, known: Known | undefined): string {
  return known === undefined ? `${database} is not published` : `${database} was checked at ${known.checked}`;
}

/** Reads the part of a manifest that matters here, without a package; the cycle reads it strictly (mirror/manifest.ts). */
function read(text: string, wanted: readonly string[]): ReadonlyMap<string, Known> {
  const { format, checked, databases } = fields(parseJson(text, MANIFEST_BYTES));
  if (format !== 1 || !isTime(checked)) throw new Error('the published manifest cannot be understood');
  const known = new Map<string, Known>();
  for (const database of wanted) {
    const { version, held, sign, seen: last, checked: own } = fields(fields(databases)[database]);
    if (typeof version !== 'number' || !isPlausibleCount(version)) continue;
    const { at, version: seenVersion } = fields(last);
    known.set(database, {
      version,
      checked: isTime(own) ? own : checked, // mirrors of earlier versions have one time for all
      isHeld: held !== undefined,
      lacksSign: fields(sign).state === 'missing',
      seen: { at: String(at), version: seenVersion },
    });
  }
  return known;
}

function isTime(value: unknown): value is string {
  return typeof value === 'string' && value.length <= 40 && isPlausibleTime(value);
}

/** Own fields of an object, without inherited ones; none if it is not an object. */
function fields(json: unknown): Readonly<Record<string, unknown>> {
  return Object.assign(Object.create(null), typeof json === 'object' ? json : {});
}

/** Versions that DNS names, by database; none if it does not answer. */
async function advertised(
  { record, nameservers, databases }: CheckSettings,
  now: Date,
): Promise<DnsRecord['versions']> {
  if (record === undefined || !databases.some(isInRecord)) return new Map();
  return await lookUp(record, nameservers, now).then(
    ({ versions }) => versions,
    () => new Map(),
  );
}

/** Version in the header of upstream's CVD. Unverified: it only decides whether a cycle takes a closer look. */
async function offeredVersion(upstream: string, database: string): Promise<number> {
  const url = `${upstream}/${cvdName(database)}`;
  const range = `bytes=0-${HEADER_SIZE - 1}`;
  const fresh = { 'cache-control': 'no-cache' }; // else a proxy on the way may answer with one that is days old
  const answer = await ask(url, { range, 'user-agent': userAgentOf(randomUUID()), ...fresh });
  const header = await startOf(answer, HEADER_SIZE);
  return parseHeader(header).version;
}

async function isThere(url: string): Promise<boolean> {
  const headers = { range: 'bytes=0-0', 'user-agent': userAgentOf(randomUUID()) };
  const { ok, body } = await follow(url, headers);
  await body?.cancel();
  return ok;
}

async function openIssue({ github }: CheckSettings): Promise<number | undefined> {
  if (github === undefined) return undefined;
  const url = `${github.url}/issues?state=open&labels=clamav-mirror&per_page=100`;
  const headers = { authorization: `Bearer ${github.token}`, accept: 'application/vnd.github+json' };
  const issues = parseJson(await fetchText(url, ISSUES_BYTES, headers), ISSUES_BYTES);
  if (!Array.isArray(issues)) throw new Error(`${github.url} gives no list of issues`);
  for (const issue of issues) {
    const { number, labels, body } = fields(issue);
    const isWaiting =
      Array.isArray(labels) && labels.some((label) => WAITING_LABEL.test(String(fields(label).name)));
    if (isWaiting && !isOfAnother(body, github.mirror)) return Number(number);
  }
  return undefined;
}

/** True if the marker at the start of an issue names another mirror (notify/issue-state.ts reads it with a package). */
function isOfAnother(body: unknown, mirror: string): boolean {
  const named = /^<!-- clamav-mirror \{[^\r\n]*"mirror":"([0-9a-f]{8})"/.exec(String(body ?? ''))?.[1];
  return named !== undefined && named !== mirror;
}

async function fetchText(
  url: string,
  limit: number,
  headers: Readonly<Record<string, string>> = {},
): Promise<string> {
  const start = await startOf(await ask(url, headers), limit + 1);
  if (start.length > limit) throw new Error(`${url} is too large`);
  return start.toString('utf8');
}

async function ask(url: string, headers: Readonly<Record<string, string>>): Promise<Response> {
  const answer = await follow(url, headers);
  if (answer.ok) return answer;
  await answer.body?.cancel();
  throw new Error(`${url} is answered with ${answer.status}`);
}

/** Follows at most three redirects, on the same host only. Others are left to the cycle. */
async function follow(from: string, headers: Readonly<Record<string, string>>): Promise<Response> {
  const signal = AbortSignal.timeout(QUICK_CHECK_MS);
  let url = from;
  for (let left = 3; ; left--) {
    const answer = await fetch(url, { headers, signal, redirect: 'manual' });
    const next = URL.parse(answer.headers.get('location') ?? '', url);
    const isRedirect = answer.status >= 300 && answer.status < 400 && next !== null;
    if (!isRedirect || next.hostname !== new URL(url).hostname || left === 0) return answer;
    await answer.body?.cancel();
    if (next.protocol !== 'https:' && next.protocol !== new URL(url).protocol) return answer;
    url = next.href;
  }
}

async function startOf({ body }: Response, most: number): Promise<Buffer> {
  return body === null ? Buffer.alloc(0) : await startOfBody(body, most);
}
