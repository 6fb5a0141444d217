import { randomUUID } from 'node:crypto';
import { isWithin, SEEN_LATELY_MS } from '../base/clock.ts';
import { explain } from '../base/errors.ts';
import { parseJson } from '../base/json.ts';
import { isPlausibleCount, isPlausibleTime, MANIFEST_BYTES } from '../base/limits/manifest.ts';
import { userAgentOf } from '../base/version.ts';
import { HEADER_SIZE, parseHeader } from '../cvd/header.ts';
import { cvdName, cvdSignName } from '../cvd/names.ts';
import { type DnsRecord, isInRecord, lookUp } from '../upstream/dns.ts';
import { openIssues } from './open-issues.ts';
import type { CheckSettings } from './quick-check-settings.ts';
import { ask, fetchText, fields, follow, startOf } from './quick-requests.ts';

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
  const { age, ...compared } = await compare(settings, now);
  const issues = await openIssues(settings).catch((error) => explain(error));
  if (typeof issues === 'string') {
    const found = compared.needed ? compared : confirming(issues);
    return { ...found, issue: true, ping: false };
  }
  const { waiting, isBad, isPinGone } = issues;
  if (!compared.needed && waiting !== undefined)
    return { ...confirming(`issue #${waiting} waits for a good cycle`), issue: true, ping: false };
  const every = settings.healthcheck?.every;
  const isDue = age !== undefined && every !== undefined && age >= every - EARLY_MS;
  // only a proof asks for the pinned images, so no other cycle closes an issue about them
  return { ...compared, issue: isBad || (isPinGone && compared.proof), ping: isDue && !isBad };
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
  const { upstreams } = settings;
  const versions = await advertised(settings, now);
  for (const [database, known] of published) {
    const { at, version } = known.seen;
    const seenLately = version === known.version && isWithin(at, SEEN_LATELY_MS, now);
    const advertised = versions.get(database);
    // DNS can be forged: it counts only where it names the published version, and only for some hours; or where a cycle
    // is due, which asks upstream itself
    const isTold = advertised === known.version && (seenLately || isOld(known, now));
    const offered = isTold
      ? known.version
      : await fromFirst(upstreams, async (upstream) => await offeredVersion(upstream, database));
    if (!known.isHeld && offered !== known.version)
      return `${database}: ${known.version} is published, upstream has ${offered}`;
    if (!known.isHeld && advertised !== undefined && advertised > offered)
      return `${database}: DNS names ${advertised}, and upstream still has ${offered}`;
    const sign = cvdSignName(database, known.version);
    if (
      known.lacksSign &&
      (await fromFirst(upstreams, async (upstream) => await isThere(`${upstream}/${sign}`)))
    )
      return `upstream has ${sign} now`;
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

/** Versions that DNS names, by database; none if it does not answer. */
async function advertised(
  { record, nameservers, databases }: CheckSettings,
  now: Date,
): Promise<DnsRecord['versions']> {
  if (record === undefined || !databases.some(isInRecord)) return new Map();
  return await lookUp({ record, nameservers }, now).then(
    ({ versions }) => versions,
    () => new Map(),
  );
}

/** Answer of the first upstream that gives one. Throws the first error if none does. */
async function fromFirst<T>(upstreams: readonly string[], ask: (upstream: string) => Promise<T>): Promise<T> {
  let first: unknown;
  for (const upstream of upstreams) {
    try {
      return await ask(upstream);
    } catch (error) {
      first ??= error;
    }
  }
  throw first;
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
