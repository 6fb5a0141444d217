import { codeOf, explain } from '../../base/errors.ts';
import { counted } from '../../base/words.ts';
import type { Prove } from '../../proof/prove.ts';
import { VerifyError } from '../../verify/error.ts';
import type { Survey } from '../database.ts';
import { RefusalError, WaitingError } from '../gate/refusal.ts';
import { isRefusal } from '../report.ts';
import type { Quarantine, State } from './state.ts';
import { DEADLY, type Trials } from './trials.ts';
import { type Attempted, allUpstreams, isOf, LATE_FILES, triedOf } from './tried.ts';

/** A version that was not genuine may have been damaged on its way, and is asked for again after this time. */
const NOT_GENUINE_MS = 12 * 60 * 60_000;

/** A version that engines refused is tried again after this time: the engines or this machine may have been at fault. */
const REFUSED_BY_ENGINES_MS = 24 * 60 * 60_000;

/** Quarantines a version that this process has died of more than once, so that the other databases can go on. */
export async function quarantineDeadly(
  survey: Survey,
  trials: Trials,
  state: State,
  now: Date,
): Promise<Survey> {
  const { database } = survey;
  const tried = triedOf(survey);
  const deaths = tried === undefined ? 0 : trials.deathsOf(database, tried);
  if (tried === undefined || deaths < DEADLY) return survey;
  const what =
    tried.md5 === LATE_FILES ? `late files of version ${tried.version}` : `version ${tried.version}`;
  const reason = `${counted(deaths, 'run')} died while they tried ${what}`;
  const until = new Date(now.getTime() + NOT_GENUINE_MS).toISOString();
  await state.setQuarantine(database, {
    ...tried,
    reason,
    code: 'proof/killed',
    since: now.toISOString(),
    until,
  });
  await trials.forget([database]);
  const advice = `It is not tried again before ${until}; ask for it with --retry, and look at how much memory there is`;
  return barred(survey, new RefusalError('proof/killed', reason, { advice }));
}

/**
 * Forgets what other engines refused, or these in another version, or with other samples. Engines are opened only if
 * a version would be quarantined on their word; if they cannot be opened, it stays so.
 */
export async function forgetOtherEngines(
  databases: readonly string[],
  state: State,
  now: Date,
  openProver: () => Promise<Pick<Prove, 'basis'>>,
): Promise<void> {
  const refusedHere = databases.filter((database) => {
    const refused = state.quarantineOf(database);
    return refused?.basis !== undefined && !isOver(refused, now);
  });
  if (refusedHere.length === 0) return;
  const basis = await openProver().then(
    (prove) => prove.basis,
    () => undefined,
  );
  if (basis === undefined) return;
  for (const database of refusedHere) {
    if (state.quarantineOf(database)?.basis !== basis) await state.setQuarantine(database, undefined);
  }
}

/** Holds back a version that was refused before: it is not tried again until upstream offers another one. */
export function quarantineKnown(survey: Survey, state: State, now: Date): Survey {
  const { database } = survey;
  const refused = state.quarantineOf(database);
  const tried = triedOf(survey);
  if (tried === undefined || refused === undefined) return survey;
  if (!isOf(refused, tried, survey.client.url) || isOver(refused, now)) return survey;
  if (refused.code === 'proof/waiting') return barred(survey, new RefusalError(refused.code, refused.reason));
  const until = untilOf(refused);
  const other = refused.basis === undefined ? '' : ', unless the engines or samples change';
  const when = until === null ? 'until upstream offers another one' : `before ${until}${other}`;
  const code = refused.code.startsWith('proof/') ? 'proof/held' : 'verify/held';
  const quarantined = new RefusalError(code, `refused since ${refused.since}: ${refused.reason}`, {
    advice: `It is not tried again ${when}; ask for it with --retry`,
  });
  return barred(survey, quarantined);
}

/** Marks a survey as quarantined: late files are not asked for, and a version leaves the published one as it is. */
function barred(survey: Survey, quarantined: RefusalError): Survey {
  const { advertisement, published, signOffer: _, ...rest } = survey;
  if (advertisement.isNew || published === undefined) return { ...survey, quarantined };
  return { ...rest, advertisement, published: { ...published, missingCdiffs: [] }, quarantined };
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
  return new Date(Date.parse(since) + REFUSED_BY_ENGINES_MS).toISOString();
}

const BY_ENGINES = 'proof/failed';

/** Quarantines a version that this run refused, and releases one that passed. */
export async function quarantine(
  attempted: Attempted,
  state: State,
  now: Date,
  basis: string | undefined,
): Promise<void> {
  const { database, tried, error } = attempted;
  if (error === undefined) await state.setQuarantine(database, undefined);
  if (!isRefusal(error)) return;
  const upstreams = allUpstreams(state.quarantineOf(database), attempted);
  await state.setQuarantine(database, {
    ...tried,
    reason: explain(error),
    code: codeOf(error) ?? 'unexpected',
    since: now.toISOString(),
    ...endOf(error, now, basis),
    ...(error instanceof VerifyError && { upstreams }), // engines judge the same bytes, wherever they come from
  });
}

function endOf(error: unknown, now: Date, basis: string | undefined): Pick<Quarantine, 'until' | 'basis'> {
  const after = (milliseconds: number) => new Date(now.getTime() + milliseconds).toISOString();
  if (error instanceof WaitingError) return { until: error.until };
  if (error instanceof VerifyError) return { until: after(NOT_GENUINE_MS) };
  if (codeOf(error) !== BY_ENGINES) return { until: null };
  return { until: after(REFUSED_BY_ENGINES_MS), ...(basis !== undefined && { basis }) };
}
