import { codeOf, explain } from '../../base/errors.ts';
import { counted } from '../../base/words.ts';
import type { Prove } from '../../proof/prove.ts';
import { VerifyError } from '../../verify/error.ts';
import { type Brought, type Look, wantsWork } from '../acquire.ts';
import { RefusalError, WaitingError } from '../gate/refusal.ts';
import { isRefusal } from '../report.ts';
import type { Quarantine, State } from './state.ts';
import { DEADLY, type Trials, type Tried } from './trials.ts';

/** What was not genuine may have been spoilt on its way: it is asked for again after so many milliseconds. */
const SPOILT = 12 * 60 * 60_000;

/** What engines refused is looked at again after so many milliseconds: it may have been they, or this machine. */
const REFUSED_BY_ENGINES = 24 * 60 * 60_000;

/** In place of an MD5: late CDIFFs or a `.sign` of the published version, which have none in common. */
const LATE_FILES = 'late files';

/** What a look is about to try; `undefined` if there is nothing to do. */
export function triedOf(seen: Look): Tried | undefined {
  const { advertisement, published, held } = seen;
  if (!wantsWork(seen)) return undefined;
  if (!advertisement.news || held !== undefined)
    return published && { version: published.version, md5: LATE_FILES };
  const { version, md5 } = advertisement.offer.header;
  return { version, md5 };
}

/** Puts into quarantine what this process has died of, more than once; the others can go on then. */
export async function quarantineDeadly(seen: Look, trials: Trials, state: State, now: Date): Promise<Look> {
  const { database } = seen;
  const tried = triedOf(seen);
  const deaths = tried === undefined ? 0 : trials.deathsOf(database, tried);
  if (tried === undefined || deaths < DEADLY) return seen;
  const what =
    tried.md5 === LATE_FILES ? `late files of version ${tried.version}` : `version ${tried.version}`;
  const reason = `${counted(deaths, 'run')} died while they tried ${what}`;
  const until = new Date(now.getTime() + SPOILT).toISOString();
  await state.setQuarantine(database, {
    ...tried,
    reason,
    code: 'proof/killed',
    since: now.toISOString(),
    until,
  });
  await trials.forget([database]);
  const advice = `It is not tried again before ${until}; ask for it with --retry, and look at how much memory there is`;
  return barred(seen, new RefusalError('proof/killed', reason, { advice }));
}

/**
 * Forgets what other engines refused, or these in another version, or with other samples. Engines are opened only if
 * something would be held back on their word; if they cannot be, it stays held.
 */
export async function forgetOtherEngines(
  databases: readonly string[],
  state: State,
  now: Date,
  findProver: () => Promise<Pick<Prove, 'basis'>>,
): Promise<void> {
  const held = databases.filter((database) => {
    const refused = state.quarantineOf(database);
    return refused?.basis !== undefined && !isOver(refused, now);
  });
  if (held.length === 0) return;
  const basis = await findProver().then(
    (prove) => prove.basis,
    () => undefined,
  );
  if (basis === undefined) return;
  for (const database of held) {
    if (state.quarantineOf(database)?.basis !== basis) await state.setQuarantine(database, undefined);
  }
}

/** Holds back a version that was refused before: it is not tried again until upstream offers another one. */
export function heldBack(seen: Look, state: State, now: Date): Look {
  const { database } = seen;
  const refused = state.quarantineOf(database);
  const tried = triedOf(seen);
  if (tried === undefined || refused === undefined) return seen;
  const isOther = refused.version !== tried.version || refused.md5 !== tried.md5;
  if (isOther || isOver(refused, now)) return seen;
  if (refused.code === 'proof/waiting') return barred(seen, new RefusalError(refused.code, refused.reason));
  const until = untilOf(refused);
  const other = refused.basis === undefined ? '' : ', unless the engines or samples change';
  const when = until === null ? 'until upstream offers another one' : `before ${until}${other}`;
  const code = refused.code.startsWith('proof/') ? 'proof/held' : 'verify/held';
  const held = new RefusalError(code, `refused since ${refused.since}: ${refused.reason}`, {
    advice: `It is not tried again ${when}; ask for it with --retry`,
  });
  return barred(seen, held);
}

/** Of late files, nothing is asked for; of a version, it is only its own that is held back. */
function barred(seen: Look, held: RefusalError): Look {
  const { advertisement, published, signOffer: _, ...rest } = seen;
  if (advertisement.news || published === undefined) return { ...seen, held };
  return { ...rest, advertisement, published: { ...published, missingCdiffs: [] }, held };
}

function isOver(refused: Quarantine, now: Date): boolean {
  const until = untilOf(refused);
  return until !== null && Date.parse(until) <= now.getTime();
}

/**
 * An earlier version of this program let what engines had refused, or what looked implausible, wait for ever; settings
 * change, too.
 */
function untilOf({ code, since, until }: Quarantine): string | null {
  if (until !== null || (code !== BY_ENGINES && code !== 'proof/implausible')) return until;
  return new Date(Date.parse(since) + REFUSED_BY_ENGINES).toISOString();
}

const BY_ENGINES = 'proof/failed';

/** Remembers what this cycle refused, and forgets what passed. */
export async function remember(
  looks: readonly Look[],
  brought: readonly Brought[],
  state: State,
  now: Date,
  basis?: string,
): Promise<void> {
  for (const { database, advertisement, held } of looks) {
    if (!advertisement.news || held !== undefined) continue;
    const { trouble } = brought.find((one) => one.database === database) ?? {};
    if (trouble === undefined) await state.setQuarantine(database, undefined);
    if (!isRefusal(trouble)) continue;
    const { version, md5 } = advertisement.offer.header;
    await state.setQuarantine(database, {
      version,
      md5,
      reason: explain(trouble),
      code: codeOf(trouble) ?? 'unexpected',
      since: now.toISOString(),
      ...endOf(trouble, now, basis),
    });
  }
}

function endOf(trouble: unknown, now: Date, basis: string | undefined): Pick<Quarantine, 'until' | 'basis'> {
  const after = (milliseconds: number) => new Date(now.getTime() + milliseconds).toISOString();
  if (trouble instanceof WaitingError) return { until: trouble.until };
  if (trouble instanceof VerifyError) return { until: after(SPOILT) };
  if (codeOf(trouble) !== BY_ENGINES) return { until: null };
  return { until: after(REFUSED_BY_ENGINES), ...(basis !== undefined && { basis }) };
}
