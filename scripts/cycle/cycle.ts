import { join } from 'node:path';
import { codeOf, explain } from '../base/errors.ts';
import { bytes, type Log } from '../base/log.ts';
import { Stopwatch } from '../base/stopwatch.ts';
import { counted } from '../base/words.ts';
import { Stage } from '../files/stage.ts';
import { withTrueRecords } from '../mirror/check/corrected-records.ts';
import { inspect } from '../mirror/check/inspect.ts';
import { tidyUp } from '../mirror/foreign/move-foreign.ts';
import { type DatabaseRecord, encodeManifest } from '../mirror/manifest.ts';
import { judgePin } from '../mirror/pin.ts';
import { publish } from '../mirror/publish.ts';
import { type Published, readPublished } from '../mirror/published.ts';
import { archiveCopies, fetchRetained, type Retained } from '../mirror/retained-cvds.ts';
import { withGoodSigns } from '../mirror/signs/valid-signs.ts';
import type { Prove } from '../proof/prove.ts';
import type { Proof } from '../proof/record.ts';
import { type Store, StoreError } from '../store/store.ts';
import { PARTIALS_FOLDER, Partials } from '../upstream/acquire/partials.ts';
import { type DnsRecord, isInRecord, lookUp } from '../upstream/dns.ts';
import { isClamavsOwn } from '../upstream/official.ts';
import { openUpstream } from '../upstream/open.ts';
import type { Trust } from '../verify/trust.ts';
import {
  type BringParts,
  type Brought,
  bringNews,
  bringPublished,
  type Look,
  look,
  signOfHeld,
  wantsWork,
} from './acquire.ts';
import { isTold } from './checked.ts';
import { judge } from './gate/gate.ts';
import { isDoubtedForLong, rememberDoubts, waitsAsDoubted } from './memory/doubts.ts';
import { lastRunOf } from './memory/last-run.ts';
import { forgetOtherEngines, heldBack, quarantineDeadly, remember, triedOf } from './memory/quarantine.ts';
import { forgetWithdrawn } from './memory/retirement.ts';
import { State } from './memory/state.ts';
import { Trials } from './memory/trials.ts';
import { checkedManifest, nextManifest } from './next-manifest.ts';
import { type ReadBackPatience, requireServed } from './read-back.ts';
import {
  type CycleReport,
  type End,
  endedBy,
  isRefusal,
  nothingBrought,
  type Story,
  summarize,
  together,
} from './report.ts';
import type { CycleSettings as SyncSettings } from './settings.ts';
import { openWorkspace } from './workspace.ts';

export interface CycleParts {
  readonly store: Store;
  /** Gives what proves a stage, or throws before anything is downloaded if no engine is there. */
  readonly findProver: () => Promise<Prove>;
  readonly trust: Trust;
  readonly log: Log;
  readonly now: () => Date;
  readonly readBackPatience?: Partial<ReadBackPatience>;
}

/** One run of the mirror: from what upstream advertises to what clients see. Never throws: the report says it. */
export async function runCycle(settings: SyncSettings, parts: CycleParts): Promise<CycleReport> {
  const watch = new Stopwatch((part) => parts.log.part?.(part));
  try {
    await using workspace = await openWorkspace(settings.work, parts.log);
    const state = await State.load(settings.work, parts.now());
    const report = await turns(settings, parts, { state, workFolder: workspace.folder, watch });
    if (!settings.dryRun) await rememberRun(state, report, settings, parts);
    return report;
  } catch (error) {
    return endedWith(error, watch);
  }
}

/** All databases, in as many turns as it takes. */
async function turns(
  settings: SyncSettings,
  parts: CycleParts,
  memory: Omit<CycleMemory, 'trials' | 'group'>,
): Promise<CycleReport> {
  const stories: Story[] = [];
  try {
    const trials = await Trials.load(settings.work);
    for (const group of groupsOf(settings.databases, trials)) {
      stories.push(await cycle(settings, parts, { ...memory, trials, group }));
    }
    return { ...together(stories), ...memory.watch.read() };
  } catch (error) {
    const { outcome, error: end } = endedWith(error, memory.watch);
    const before = together(stories); // what it came to is told in any case
    return {
      ...before,
      outcome: before.outcome === 'refused' ? 'refused' : outcome,
      ...memory.watch.read(),
      ...(end && { error: end }),
    };
  }
}

function endedWith(error: unknown, watch: Stopwatch): CycleReport {
  const outcome = isRefusal(error) ? 'refused' : 'failed';
  const failure = { code: codeOf(error) ?? 'unexpected', message: explain(error) };
  return { outcome, databases: {}, proof: null, upstreamBytes: 0, ...watch.read(), error: failure };
}

/** For `status`. What was done stays done, whether it can be written down or not. */
async function rememberRun(
  state: State,
  report: CycleReport,
  settings: SyncSettings,
  { log, now }: CycleParts,
): Promise<void> {
  await state
    .setLastRun(lastRunOf(report, settings, now()))
    .catch((error) => log.warn(`cannot remember how this run went: ${explain(error)}`));
}

/** After a run that died, what it may have died of comes last, and each by itself: so the others are published in any case. */
function groupsOf(databases: readonly string[], trials: Trials): (readonly string[])[] {
  const suspects = trials.suspects(databases);
  const others = databases.filter((database) => !suspects.includes(database));
  return [others, ...suspects.map((database) => [database])].filter((group) => group.length > 0);
}

interface CycleMemory {
  readonly state: State;
  readonly trials: Trials;
  /** The databases of this turn. */
  readonly group: readonly string[];
  readonly workFolder: string;
  readonly watch: Stopwatch;
}

async function cycle(settings: SyncSettings, parts: CycleParts, memory: CycleMemory): Promise<Story> {
  const { store, trust, log, now } = parts;
  const { state, trials, group, workFolder, watch } = memory;
  const findProver = onceOnly(parts.findProver);
  const isAsked = settings.retry || settings.resync || settings.accept !== undefined;
  const stored = await readPublished(store);
  const tidying = { log, isDry: settings.dryRun };
  await tidyUp(store, stored, tidying);
  const folder = join(workFolder, 'inspection');
  const records = await withTrueRecords(stored, { store, trust, folder, log, now: now() });
  const inspected = await inspect(records.published, {
    store,
    trust,
    work: settings.work,
    folder,
    log,
    now: now(),
    all: settings.resync,
    isDry: settings.dryRun,
  });
  const anew = settings.resync || inspected.broken.length > 0; // then nothing in the store is believed
  const { published, gone } = await withGoodSigns(inspected.published, { store, trust, folder, log });
  await using upstream = openUpstream({
    url: settings.upstream,
    userAgent: settings.userAgent(state.uuid),
    proxies: settings.proxies,
    coolDown: state.coolDownOf(settings.upstream, {
      isAsked,
      isRetry: settings.retry,
      isKnown: published.manifest !== undefined,
    }),
    now,
    log,
  });

  watch.begin('look');
  if (!isAsked) await forgetOtherEngines(group, state, now(), findProver);
  const record = await askDns(settings, parts);
  const looks = await Promise.all(
    group.map(async (database) => {
      const client = upstream.client((received) =>
        log.progress(`${database}: ${bytes(received)} from upstream`),
      );
      const known = recordOf(published, database);
      const isAnew = settings.resync && known?.held === undefined;
      const seen = await look(database, isAnew ? undefined : known, {
        client,
        record,
        trust,
        log,
        manifest: published.manifest,
        now: now(),
        isAsked,
        asksForCld: !isClamavsOwn(settings.upstream),
        md5: records.headers.get(database)?.md5,
        pinDoubt: pinDoubtOf(database, published, now()),
      });
      const note = records.notes.get(database);
      const noted = note === undefined ? seen : { ...seen, note };
      if (seen.published?.held !== undefined && published.damaged.includes(database))
        return { ...noted, trouble: damage(database, store) };
      if (isAsked) return noted;
      const held = heldBack(await quarantineDeadly(noted, trials, state, now()), state, now());
      const survey = { client, log, manifest: published.manifest, now: now(), isAsked };
      return await signOfHeld(waitsAsDoubted(held, state.doubts, now()), survey);
    }),
  );
  await forgetWithdrawn(looks, state.waits);
  const idle = looks.filter((seen) => seen.trouble === undefined && triedOf(seen) === undefined);
  await trials.forget(idle.map(({ database }) => database));
  const { hashed } = inspected;
  const unchanged = { looks, published, stored, gone, hashed, isMended: records.isMended, proof: null };
  if (!looks.some(wantsWork)) {
    return await endWithoutNews(settings, looks.map(nothingBrought), unchanged, parts);
  }

  watch.begin('bring');
  const prove = await findProver();
  const stage = await Stage.create(workFolder);
  await using _trial = await trials.begin(
    new Map(
      looks.flatMap((seen) => {
        const tried = triedOf(seen);
        return tried === undefined ? [] : [[seen.database, tried] as const];
      }),
    ),
  );
  const limits = { cvd: settings.maxSize, cdiff: settings.maxSize };
  const bringParts: BringParts = {
    store,
    published,
    trust,
    stage,
    limits,
    window: settings.window,
    log,
    now,
    resync: settings.resync,
    partials: new Partials(join(settings.work, PARTIALS_FOLDER), settings.upstream, now),
    isLenient: (database) => isDoubtedForLong(database, state.doubts, now()),
  };
  const pairs = await Promise.all(
    looks.map(async (seen) => ({ seen, brought: await bringNews(seen, bringParts) })),
  );
  let brought: readonly Brought[] = pairs.map((one) => one.brought);
  let proof: Proof | null = null;
  let retained: Retained = { cvds: new Map(), spoilt: [] };
  const { dryRun } = settings;
  const ended = (end?: End) => summarize({ looks, brought, published, proof, end, dryRun, now: now() });
  try {
    if (brought.some((one) => one.news)) {
      brought = await Promise.all(pairs.map((one) => bringPublished(one.seen, one.brought, bringParts)));
    }
    if (brought.some((one) => one.news)) {
      watch.begin('prove');
      log.info('proving the stage with real ClamAV');
      const { accept, maxSignatureDrop } = settings;
      retained = await fetchRetained(brought, bringParts);
      const judgeParts = {
        ...bringParts,
        prove,
        retained: retained.cvds,
        workFolder,
        accept,
        maxSignatureDrop,
        waits: state.waits,
      };
      ({ brought, proof } = await judge(brought, judgeParts));
    }
    await remember(looks, brought, state, now(), prove.basis);
    await rememberDoubts(looks, brought, state.doubts, now());
    if (!brought.some((one) => one.news))
      return await endWithoutNews(settings, brought, { ...unchanged, proof }, parts);
    if (proof === null) throw new Error('nothing is published without a proof');
    if (dryRun) return ended();
    watch.begin('publish');
    const { publicUrl } = settings;
    // what is replaced is kept at least until the new is read back
    const copies = await archiveCopies(
      brought,
      publicUrl === undefined ? settings.archive : settings.archive || 1,
      bringParts,
    );
    const { spoilt } = retained;
    const isNew = [...stage.files.values()].filter(({ stored }) => !stored);
    log.info(`publishing the manifest and ${counted(isNew.length, 'file')} to ${store.where}`);
    const next = nextManifest({
      settings,
      now: now(),
      published,
      looks,
      brought,
      stage,
      copies,
      spoilt,
      proof,
      mirrored: settings.databases,
      hashed,
    });
    await publish(store, published.tag, { stage, archive: copies, next, anew });
    if (stored.manifest === undefined) await tidyUp(store, await readPublished(store), tidying); // it is ours from now on
    for (const closed of (await store.describeAccess?.()) ?? []) log.warn(closed);
    if (publicUrl !== undefined) {
      watch.begin('read back');
      log.info(`reading what was published from ${publicUrl}`);
      const userAgent = settings.userAgent(state.uuid);
      const reading = { userAgent, proxies: settings.proxies, patience: parts.readBackPatience };
      await requireServed(
        publicUrl,
        { previous: published.manifest, next, copies },
        { store, log, ...reading },
      );
    }
  } catch (error) {
    return ended(endedBy(error));
  }
  return ended();
}

/** The same answer each time. */
function onceOnly<T>(find: () => Promise<T>): () => Promise<T> {
  let found: Promise<T> | undefined;
  return () => (found ??= find());
}

function pinDoubtOf(database: string, { manifest }: Published, now: Date): string | undefined {
  const record = manifest?.databases[database];
  return record && manifest && judgePin(database, record, manifest, now).doubt;
}

/** What is published of a database, as far as it is whole. One that is held stays what it is even where it is not. */
function recordOf({ databases, manifest }: Published, database: string): DatabaseRecord | undefined {
  const described = manifest?.databases[database];
  return databases.get(database) ?? (described?.held === undefined ? undefined : described);
}

/** Of a database that stays what it is, whatever upstream has. */
function damage(database: string, { where }: Store): StoreError {
  return new StoreError('store/damaged', `${database} is held, and not whole in ${where}`, {
    advice: `Roll back to a version that is kept, or let it move again: release --database ${database}`,
  });
}

/** DNS is a convenience: without it, every database is asked for by itself (field-notes.md, defect 9). */
async function askDns(
  { dns, databases }: SyncSettings,
  { log, now }: CycleParts,
): Promise<DnsRecord | undefined> {
  if (dns === undefined || !databases.some(isInRecord)) return undefined;
  try {
    return await lookUp(dns.record, dns.nameservers, now());
  } catch (error) {
    log.warn(`${explain(error)}; asking upstream itself`);
    return undefined;
  }
}

/**
 * Nothing to prove or to publish. Of each database that is well, the mirror says when upstream was last seen; `.sign` files
 * that are not good any more go in any case, and what the manifest was wrong about is corrected.
 */
async function endWithoutNews(
  settings: SyncSettings,
  brought: readonly Brought[],
  found: {
    looks: readonly Look[];
    published: Published;
    /** As the store has it, before anything of it was found to be wrong. */
    stored: Published;
    gone: readonly string[];
    hashed: ReadonlyMap<string, string>;
    isMended: boolean;
    proof: Proof | null;
  },
  { store, now }: CycleParts,
): Promise<Story> {
  const { published, stored, gone, hashed } = found;
  const { manifest, tag } = published;
  const isNews = brought.some((one) => isTold(one, { published, brought }));
  if (manifest !== undefined && stored.manifest !== undefined && !settings.dryRun) {
    const next = checkedManifest(manifest, { settings, now: now(), published, brought, hashed });
    const differs = stored.unread !== undefined || encodeManifest(next) !== encodeManifest(stored.manifest);
    if (differs && (isNews || gone.length > 0 || found.isMended))
      await publish(store, tag, { stage: undefined, next });
  }
  return summarize({ ...found, brought, end: undefined, now: now() });
}
