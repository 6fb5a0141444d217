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
import { ISSUES_ARE_OFF } from '../notify/github-errors.ts';
import { type DnsRecord, isInRecord, lookUp } from '../upstream/dns.ts';
import type { CheckSettings } from './quick-check-settings.ts';

/** Label of an issue that a good cycle closes. */
const WAITING_LABEL = /^clamav-mirror: (upstream|integrity|proof|publication|configuration)$/;
/** Issues of one page. */
const ISSUES_ASKED = 100;
/** Runs do not start on the minute: a ping or a check that is due within this time is due now. */
const EARLY_MS = 30 * 60_000;

export interface QuickCheck {
  /** True if a cycle has something to do. */
  readonly needed: boolean;
  /** True if that needs engines, as far as this check can see. Else the cycle most likely only confirms. */
  readonly proof: boolean;
  /** True unless it is known that no issue of this mirror is open. */
  readonly issue: boolean;
  readonly reason: string;
  /** True if the healthcheck may be told that all is well. */
  readonly ping: boolean;
}

/** Comparison of what is published with what upstream advertises. */
interface Comparison extends Pick<QuickCheck, 'needed' | 'proof' | 'reason'> {
  /** Milliseconds since the last good cycle; `undefined` if a cycle is needed. */
  readonly age?: number;
}

/**
 * Tells whether a cycle has anything to do: compares the published manifest with what upstream advertises, with a few small
 * requests and without any package. Without an answer it never says no: the cycle will find out.
 */
export async function quickCheck(settings: CheckSettings, now: Date): Promise<QuickCheck> {
  prepareNetwork();
  const { age, ...compared } = await compare(settings, now);
  const issues = await openIssues(settings).catch((error) => explain(error));
  if (typeof issues === 'string') {
    const found = compared.needed ? compared : confirming(issues);
    return { ...found, issue: true, ping: false };
  }
  const { waiting, isAny } = issues;
  if (!compared.needed && waiting !== undefined)
    return { ...confirming(`issue #${waiting} waits for a good cycle`), issue: true, ping: false };
  const every = settings.healthcheck?.every;
  const isDue = age !== undefined && every !== undefined && age >= every - EARLY_MS;
  return { ...compared, issue: isAny, ping: isDue && !isAny };
}

async function compare(settings: CheckSettings, now: Date): Promise<Comparison> {
  const { asked, publicUrl, databases } = settings;
  if (asked !== undefined) return proving(asked);
  if (publicUrl === undefined)
    return confirming('public-url is not set, so this check cannot see what is published');
  let published: ReadonlyMap<string, Known>;
  try {
    published = read(await fetchText(`${publicUrl}/manifest.json`, MANIFEST_BYTES), databases);
  } catch (error) {
    return proving(explain(error));
  }
  const missing = databases.find((database) => !published.has(database));
  if (missing !== undefined) return proving(`${missing} is not published`);
  const old = [...published].find(([, known]) => isOld(known, now));
  try {
    const news = await findNews(published, settings, now);
    if (news !== undefined) return proving(news);
  } catch (error) {
    return confirming(explain(error)); // upstream gives no answer: the cycle asks with patience
  }
  if (old !== undefined) return confirming(`${old[0]} was checked at ${old[1].checked}`);
  const [oldest = ''] = [...published.values()].map(({ checked }) => checked).sort();
  const age = now.getTime() - Date.parse(oldest);
  return { needed: false, proof: false, reason: `nothing is new since ${oldest}`, age };
}

function proving(reason: string): Comparison {
  return { needed: true, proof: true, reason };
}

function confirming(reason: string): Comparison {
  return { needed: true, proof: false, reason };
}

/** Finds the first thing that upstream has and the mirror lacks; `undefined`: there is none. */
async function findNews(
  published: ReadonlyMap<string, Known>,
  settings: CheckSettings,
  now: Date,
): Promise<string | undefined> {
  const { upstream } = settings;
  const versions = await advertised(settings, now);
  for (const [database, known] of published) {
    const { at, version } = known.seen;
    const seenLately = version === known.version && isWithin(at, SEEN_LATELY_MS, now);
    const advertised = versions.get(database);
    // DNS can be forged: it counts only where it names the published version, and only for some hours; or where a cycle
    // is due, which asks upstream itself
    const isTold = advertised === known.version && (seenLately || isOld(known, now));
    const offered = isTold ? known.version : await offeredVersion(upstream, database);
    if (!known.isHeld && offered !== known.version)
      return `${database}: ${known.version} is published, upstream has ${offered}`;
    if (!known.isHeld && advertised !== undefined && advertised > offered)
      return `${database}: DNS names ${advertised}, and upstream still has ${offered}`;
    const sign = cvdSignName(database, known.version);
    if (known.lacksSign && (await isThere(`${upstream}/${sign}`))) return `upstream has ${sign} now`;
  }
  return undefined;
}

interface Known {
  readonly version: number;
  /** Time at which it was last known to be upstream's newest. */
  readonly checked: string;
  readonly isHeld: boolean;
  readonly lacksSign: boolean;
  readonly seen: { readonly at: string; readonly version: unknown };
}

/** True if a cycle is due whatever is new, which writes down that upstream was seen. */
function isOld({ checked }: Known, now: Date): boolean {
  const age = now.getTime() - Date.parse(checked);
  return !(age >= 0 && age < SEEN_LATELY_MS);
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

interface OpenIssues {
  /** Number of one that a good cycle closes. */
  readonly waiting: number | undefined;
  readonly isAny: boolean;
}

/** Asks for the open issues of this mirror. Without a token there may be some. */
async function openIssues({ github }: CheckSettings): Promise<OpenIssues> {
  if (github === undefined) return { waiting: undefined, isAny: true };
  const url = `${github.url}/issues?state=open&labels=clamav-mirror&per_page=${ISSUES_ASKED}`;
  const headers = { authorization: `Bearer ${github.token}`, accept: 'application/vnd.github+json' };
  const answer = await follow(url, headers);
  if (answer.status === ISSUES_ARE_OFF) {
    await answer.body?.cancel();
    return { waiting: undefined, isAny: false };
  }
  const issues = parseJson(await textOf(await good(answer, url), url, ISSUES_BYTES), ISSUES_BYTES);
  if (!Array.isArray(issues)) throw new Error(`${github.url} gives no list of issues`);
  const ours = issues.map(fields).filter(({ body }) => !isOfAnother(body, github.mirror));
  const waiting = ours.find(
    ({ labels }) =>
      Array.isArray(labels) && labels.some((label) => WAITING_LABEL.test(String(fields(label).name))),
  );
  const isAny = ours.length > 0 || issues.length >= ISSUES_ASKED; // there may be more
  return { waiting: waiting && Number(waiting.number), isAny };
}

/** True if the marker at the start of an issue names another mirror (notify/issue-state.ts reads it with a package). */
function isOfAnother(body: unknown, mirror: string): boolean {
  const named = /^<!-- clamav-mirror \{[^\r\n]*"mirror":"([0-9a-f]{8})"/.exec(String(body ?? ''))?.[1];
  return named !== undefined && named !== mirror;
}

async function fetchText(url: string, limit: number): Promise<string> {
  return await textOf(await ask(url, {}), url, limit);
}

async function textOf(answer: Response, url: string, limit: number): Promise<string> {
  const start = await startOf(answer, limit + 1);
  if (start.length > limit) throw new Error(`${url} is too large`);
  return start.toString('utf8');
}

async function ask(url: string, headers: Readonly<Record<string, string>>): Promise<Response> {
  return await good(await follow(url, headers), url);
}

async function good(answer: Response, url: string): Promise<Response> {
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
