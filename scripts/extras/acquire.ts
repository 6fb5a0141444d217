import pLimit from 'p-limit';
import { explain } from '../base/errors.ts';
import { EXTRA_HOSTS, EXTRAS_MS } from '../base/limits/extras.ts';
import { bytes } from '../base/words.ts';
import { FileError } from '../files/error.ts';
import { isHttp } from '../http/is-http.ts';
import { retryAfterWait } from '../upstream/cool-down.ts';
import { ExtraError, isAboutBytes, isAboutHost } from './error.ts';
import type { AcquiredExtra, ExtraSource, ExtrasContext } from './extra.ts';
import { asValidator, ExtrasMemory, type Failure, isDue, type Known, nextFailure } from './memory.ts';
import { provenBytes } from './proven-bytes.ts';
import { wordsOfSource } from './source-words.ts';
import { type WaitingFile, WaitingFiles } from './waiting.ts';

/**
 * Brings what the sources of extras have, and checks it as far as that goes without an engine. Each source is asked at its own
 * interval, and less often while it fails; the sources of one host are asked one after the other. What was brought is kept
 * until it is published, so that nobody is asked for it twice. A source that fails is told and never thrown.
 */
export async function acquireExtras(
  wanted: readonly ExtraSource[],
  context: ExtrasContext,
): Promise<AcquiredExtra[]> {
  if (wanted.length === 0) return [];
  const { work, now, log } = context;
  const acquisition: Acquisition = {
    context,
    memory: await ExtrasMemory.load(work, wanted, now()),
    files: await WaitingFiles.open(
      work,
      wanted.map(({ name }) => name),
    ),
    end: now().getTime() + EXTRAS_MS,
  };
  const limit = pLimit(EXTRA_HOSTS);
  const groups = [...Map.groupBy(wanted, hostOf).values()];
  const found = (await Promise.all(groups.map((group) => limit(acquireGroup, group, acquisition)))).flat();
  for (const { name, source, outcome, size = 0 } of found)
    if (outcome === 'new') log.info(`${name}: ${bytes(size)} from ${source}`);
  return wanted.flatMap(({ name }) => found.filter((one) => one.name === name));
}

interface Acquisition {
  readonly context: ExtrasContext;
  readonly memory: ExtrasMemory;
  readonly files: WaitingFiles;
  /** Milliseconds since 1970 from which no source is asked any more. */
  readonly end: number;
}

/** The host of a URL; files of this machine have none. */
function hostOf({ from }: ExtraSource): string {
  return isHttp(from) ? new URL(from).host : '';
}

/** Asks the sources of one host, those first that were asked longest ago, until one of them fails for all. */
async function acquireGroup(
  group: readonly ExtraSource[],
  acquisition: Acquisition,
): Promise<AcquiredExtra[]> {
  const { memory, context } = acquisition;
  const { now, retry = false } = context;
  const failureOf = ({ name }: ExtraSource) => memory.of(name)?.failure;
  const asked = ({ name }: ExtraSource) => memory.of(name)?.asked ?? '';
  let ofHost = retry ? undefined : group.map(failureOf).find((failure) => isLimiting(failure, now()));
  const acquired: AcquiredExtra[] = [];
  for (const source of group.toSorted((one, other) => asked(one).localeCompare(asked(other)))) {
    const before = failureOf(source);
    acquired.push(await acquire(source, acquisition, ofHost));
    const failure = failureOf(source);
    if (isHttp(source.from) && failure !== before && isAboutHost(failure)) ofHost ??= failure;
  }
  return acquired;
}

/** True while a host wants no requests, whatever they are for. */
function isLimiting(failure: Failure | undefined, now: Date): boolean {
  return failure?.code === 'extra/limited' && Date.parse(failure.until) > now.getTime();
}

async function acquire(
  source: ExtraSource,
  acquisition: Acquisition,
  ofHost: Failure | undefined,
): Promise<AcquiredExtra> {
  try {
    return await acquireOne(source, acquisition, ofHost);
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    return { ...about(source), outcome: 'failed', code: error.code, reason: explain(error) };
  }
}

async function acquireOne(
  source: ExtraSource,
  { context, memory, files, end }: Acquisition,
  ofHost: Failure | undefined,
): Promise<AcquiredExtra> {
  const { name, from } = source;
  const { now, log, retry = false } = context;
  const known = memory.of(name);
  const published = Object.hasOwn(context.published, name) ? context.published[name]?.sha256 : undefined;
  const waiting = await files.take(name, known?.sha256 === published ? undefined : known?.sha256);
  if (published !== undefined && isFixedTo(published, source)) return told(source);
  const mayAsk = retry || !isHttp(from) || isDue(source, known, now());
  if (!mayAsk || ofHost !== undefined || now().getTime() > end) {
    const failure = known?.failure ?? ofHost;
    return told(source, waiting, failure ?? (published === undefined ? unasked(now()) : undefined));
  }

  const { of: _, failure: earlier, ...rest } = known ?? { of: '' };
  const asked = now().toISOString();
  const remember = async (anew: Omit<Known, 'of'>) =>
    await memory
      .set(source, anew)
      .catch((error) => log.warn(`cannot remember what is known of ${name}: ${explain(error)}`));
  try {
    const { sha256 } = rest;
    const isAtHand = sha256 !== undefined && (waiting !== undefined || sha256 === published);
    const proven = await provenBytes(source, isAtHand ? { ...rest, sha256 } : undefined, context);
    if (proven === 'unchanged' || (isAtHand && proven.sha256 === sha256)) {
      if (isHttp(from) || earlier !== undefined) await remember({ ...rest, asked });
      return told(source, waiting);
    }
    const isNew = proven.sha256 !== published;
    const brought = isNew ? await files.put(name, proven.bytes, proven.sha256) : undefined;
    await remember({
      asked,
      sha256: proven.sha256,
      etag: asValidator(proven.etag),
      lastModified: asValidator(proven.lastModified),
    });
    return told(source, brought);
  } catch (error) {
    if (!(error instanceof ExtraError)) throw error;
    const { code, retryAfter } = error;
    const wait = retryAfterWait(retryAfter, now()) ?? 0;
    const failure = nextFailure(earlier, { code, reason: explain(error), wait }, now());
    await remember({ ...rest, asked, failure });
    return told(source, waiting, failure);
  }
}

/** True if a source can only give what is published. */
function isFixedTo(published: string, { sha256, minisign, gpg }: ExtraSource): boolean {
  return sha256 === published && minisign === undefined && gpg === undefined;
}

/** What waits is new, also while its source fails. */
function told(source: ExtraSource, waiting?: WaitingFile, failure?: Failure): AcquiredExtra {
  if (waiting !== undefined) return { ...about(source), outcome: 'new', ...waiting };
  if (failure === undefined) return { ...about(source), outcome: 'kept' };
  const { code, reason, since, until, times } = failure;
  const again = times > 1 ? `. It has been so since ${since}, and is asked again after ${until}` : '';
  const outcome = isAboutBytes(code) ? 'refused' : 'failed';
  return { ...about(source), outcome, code, reason: `${reason}${again}`, since };
}

/** Stands in for what a source gave and nobody has any more, or has not given yet. */
function unasked(now: Date): Failure {
  const [code, at] = ['extra/unasked', now.toISOString()];
  return {
    code,
    reason: 'nobody has it now, and its source is not asked yet',
    since: at,
    until: at,
    times: 1,
  };
}

function about({ name, from }: ExtraSource) {
  return { name, source: wordsOfSource(from) };
}
