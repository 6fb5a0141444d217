import { explain } from '../../base/errors.ts';
import type { Manifest } from '../../mirror/manifest.ts';
import { type Published, readPublished } from '../../mirror/published.ts';
import { type Face, facePages, hasPending, openFace } from '../../page/face.ts';
import type { MirrorEvent } from '../../page/feed/events.ts';
import type { Problem } from '../../page/problem.ts';
import type { CycleFacts, NewVersion } from '../../page/record.ts';
import type { CycleDeps, FaceOf } from '../context.ts';
import type { Memory } from '../memory/memory.ts';
import type { KnownCoolDown } from '../memory/state.ts';
import type { Progress } from '../progress.ts';
import type { CycleReport } from '../report.ts';
import type { CycleSettings } from '../settings.ts';

/** A run of a cycle, as its face tells of it. */
export interface ToldCycle extends Pick<CycleDeps, 'store' | 'log' | 'now'> {
  readonly settings: Pick<CycleSettings, 'upstreams' | 'publicUrl' | 'dryRun'>;
  readonly progress: Progress;
  readonly memory: Pick<Memory, 'state'>;
}

/**
 * Opens what tells of a cycle in the middle of it, for a publication that brings it along: so it never names a file that
 * is not there.
 */
export async function openCycleFace(cycle: ToldCycle, published: Published): Promise<FaceOf> {
  const face = await open(cycle, published);
  return (manifest) => {
    const report = cycle.progress.soFar(published);
    const told = cycleFacts(cycle, report);
    const isAll = told.published.length === 0 && !hasPending(face);
    cycle.progress.told = isAll ? gistOf(report) : undefined; // feeds tell of a publication when its cycle has ended
    const facts = { ...knownTo(cycle, manifest), previous: published.manifest, isUnderWay: true };
    return facePages(face, { ...facts, cycle: told });
  };
}

/**
 * Tells how a cycle ended, if no publication of its own has told so: of a refused or failed one, that it was tried. No
 * database is touched, nor the manifest. A cycle counts whether or not that can be told.
 */
export async function tellOutcome(cycle: ToldCycle): Promise<void> {
  const { store, log, progress, settings } = cycle;
  const report = progress.report();
  if (settings.dryRun || progress.told === gistOf(report)) return;
  try {
    const published = await readPublished(store);
    const { manifest, tag } = published;
    if (manifest === undefined) return; // nothing shows yet that this store is ours
    const face = await open(cycle, published);
    const pages = facePages(face, { ...knownTo(cycle, manifest), cycle: cycleFacts(cycle, report) });
    await using publication = await store.begin(tag);
    for (const [name, text] of pages) await publication.write(name, text);
    await publication.commit();
  } catch (error) {
    log.info(`the status page does not tell of this cycle: ${explain(error)}`);
  }
}

/** Opens what tells of a change that no cycle made, such as a rollback. Of cycles it tells what is known. */
export async function openFaceBeside(
  deps: Pick<CycleDeps, 'store' | 'log' | 'now'>,
  published: Pick<Published, 'listing' | 'manifest'>,
  happened: { readonly versions?: readonly NewVersion[]; readonly events?: readonly MirrorEvent[] },
): Promise<FaceOf> {
  const face = await open(deps, published);
  const { manifest: previous } = published;
  const unknown = { quarantine: {}, coolDown: undefined, publicUrl: undefined, previous };
  return (manifest) => facePages(face, { ...unknown, ...happened, manifest, now: deps.now() });
}

async function open(
  { store, log, now }: Pick<CycleDeps, 'store' | 'log' | 'now'>,
  { listing }: Pick<Published, 'listing'>,
): Promise<Face> {
  return await openFace(store, listing, { now: now(), log });
}

function knownTo({ settings, memory, now: clock }: ToldCycle, manifest: Manifest) {
  const now = clock();
  const { upstreams, publicUrl } = settings;
  const quarantine = Object.keys(manifest.databases).flatMap((database) => {
    const one = memory.state.quarantineOf(database);
    const isOver = one === undefined || (one.until !== null && Date.parse(one.until) <= now.getTime());
    if (isOver) return [];
    const { version, reason, code, since, until } = one;
    return [[database, { version, reason, code, since, until }] as const];
  });
  const found = firstToEnd(upstreams.map((upstream) => memory.state.lastCoolDownOf(upstream)));
  const coolDown = found && {
    until: found.until,
    reason: found.reason,
    ...(found.since && { since: found.since }),
  };
  return { manifest, now, publicUrl, coolDown, quarantine: Object.fromEntries(quarantine) };
}

/** The cool-down that ends first, if all upstreams have one: while another one serves, nothing waits. */
function firstToEnd(coolDowns: readonly (KnownCoolDown | undefined)[]): KnownCoolDown | undefined {
  const known = coolDowns.filter((one) => one !== undefined);
  if (known.length < coolDowns.length) return undefined;
  return known.sort((one, other) => Date.parse(one.until) - Date.parse(other.until))[0];
}

type Told = Pick<CycleReport, 'outcome' | 'databases' | 'duration'> &
  Pick<Partial<CycleReport>, 'error' | 'extras'>;

function cycleFacts({ progress }: ToldCycle, report: Told): CycleFacts {
  const { outcome, databases, duration, error, extras = {} } = report;
  const all = Object.entries(databases);
  const problems: Problem[] = all
    .filter(([, one]) => one.outcome === 'refused' || one.outcome === 'failed')
    .map(([database, { code = 'unexpected', reason, offered }]) => ({
      ...{ database, code, reason },
      ...(offered !== undefined && { version: offered }),
    }));
  const published = all.flatMap(([database, { outcome, from, to, how, upstreamBytes }]) =>
    outcome === 'published' && to !== null && to !== from ? [{ database, from, to, how, upstreamBytes }] : [],
  );
  const failingExtras = Object.entries(extras).flatMap(([name, { outcome, code = 'unexpected', reason }]) =>
    outcome === 'refused' || outcome === 'failed' ? [{ name, code, reason }] : [],
  );
  const whole = error && { database: undefined, code: error.code, reason: error.message };
  return {
    at: progress.started.toISOString(),
    ...{ outcome, published, seconds: duration, proofSeconds: progress.proof?.duration },
    upstreamBytes: all.reduce((sum, [, one]) => sum + one.upstreamBytes, 0),
    problems: whole ? [whole, ...problems] : problems,
    failingExtras,
  };
}

/** What a reader of the page would miss if it changed. */
function gistOf({ outcome, databases, error, extras = {} }: Told): string {
  const each = Object.entries(databases).map(([name, one]) => [name, one.outcome, one.code, one.to]);
  const beside = Object.entries(extras).map(([name, one]) => [name, one.outcome, one.code]);
  return JSON.stringify([outcome, each, error?.code, beside]);
}
