import { carryOver } from '../../mirror/carry-over.ts';
import type { Prove } from '../../proof/prove.ts';
import type { Proof } from '../../proof/record.ts';
import type { EarlierCvd } from '../../proof/scenarios/scenario.ts';
import { stagedAsPublished } from '../acquire/acquire.ts';
import type { StagedMirror } from '../context.ts';
import type { Update } from '../database.ts';
import { implausible, waitFor } from '../memory/retirement.ts';
import { beyondEngines, type Finding, implausibleIn, type Step } from './plausibility.ts';
import { type RefusalError, refusalBy } from './refusal.ts';
import { blamesSigns, whyWithheld, withoutNewSigns } from './signs.ts';

/** Judges of the updates of a stage. */
export interface Judges {
  readonly prove: Prove;
  /** Archived CVDs on this machine, by database: clients that have them must get on. */
  readonly retained: ReadonlyMap<string, readonly EarlierCvd[]>;
}

/** The databases as they may be published; those that were refused stay as they are published now. */
export interface Passed {
  readonly updates: readonly Update[];
  /** Proof of the set that may be published, else of one that may not; `null` if nothing got as far as a proof. */
  readonly proof: Proof | null;
}

type Gate = StagedMirror & Judges;

/**
 * Lets only updates pass that are plausible and that the engines prove. All databases are proven together, as clients
 * use them. If that fails, each update is tried on top of those that passed, so that one refused database does not hold up
 * the others; what is published is in any case a set that was proven as a whole.
 */
export async function passGate(
  updates: readonly Update[],
  mirror: StagedMirror,
  judges: Judges,
): Promise<Passed> {
  const gate = { ...mirror, ...judges };
  const set = new Map(updates.map((update) => [update.database, update]));
  await revertImplausible(set, gate);
  const fresh = [...set.values()].filter(({ isNew }) => isNew);
  if (fresh.length === 0) return { updates: [...set.values()], proof: null };

  const together = await attempt(set, gate);
  if (together.refusal === undefined) return { updates: together.updates, proof: together.proof };
  for (const { database } of fresh)
    set.set(database, await revertToPublished(database, together.refusal, gate));
  if (fresh.length === 1) return { updates: [...set.values()], proof: together.proof };
  return await oneByOne(fresh, set, together.proof, gate);
}

/** Tries each update on top of those that passed before it. `set` holds all databases as they are published. */
async function oneByOne(
  fresh: readonly Update[],
  set: Map<string, Update>,
  ofAll: Proof,
  gate: Gate,
): Promise<Passed> {
  let proof = ofAll;
  for (const update of fresh) {
    const { database } = update;
    const reverted = set.get(database) ?? update;
    const refusal = await refusalOf(update, set.set(database, update), gate);
    if (refusal !== undefined) {
      set.set(database, { ...reverted, error: refusal });
      continue;
    }
    gate.log.info(`not proven together; trying ${database} ${update.record?.version} by itself`);
    await gate.stage.discardDatabase(database);
    await gate.stage.putBack(database);
    const alone = await attempt(set, gate);
    for (const tried of alone.updates) set.set(tried.database, tried);
    if (alone.refusal !== undefined)
      set.set(database, await revertToPublished(database, alone.refusal, gate));
    if (alone.refusal === undefined || !proof.passed) proof = alone.proof;
  }
  return { updates: [...set.values()], proof };
}

type UpdateSet = ReadonlyMap<string, Update>;

/** Looks at all updates until none is reverted any more: one may have been plausible by what another gained. */
async function revertImplausible(set: Map<string, Update>, gate: Gate): Promise<void> {
  for (let isChanged = true; isChanged; ) {
    isChanged = false;
    for (const one of [...set.values()]) {
      const refusal = await refusalOf(one, set, gate);
      if (refusal === undefined) continue;
      set.set(one.database, await revertToPublished(one.database, refusal, gate));
      isChanged = true;
    }
  }
}

/** Refuses an update that looks implausible beside the others; `undefined`: it may be tried. */
async function refusalOf(one: Update, set: UpdateSet, gate: Gate): Promise<RefusalError | undefined> {
  if (gate.settings.accept !== undefined) return undefined;
  const { waits: memory, now, settings } = gate;
  const { maxSignatureDrop } = settings;
  const [step] = stepOf(one, gate);
  if (step === undefined) return undefined;
  return await waitFor(step, findingsOf(one, set, gate), { memory, maxSignatureDrop, now: now() });
}

function findingsOf(one: Update, set: UpdateSet, gate: Gate): Finding[] {
  const [step] = stepOf(one, gate);
  if (step === undefined) return [];
  const steps = [...set.values()].flatMap((other) => stepOf(other, gate));
  return implausibleIn(step, steps, gate.settings);
}

function stepOf({ database, isNew, record, members }: Update, gate: Gate): Step[] {
  if (!isNew || record === undefined) return [];
  const { manifest, databases } = gate.published;
  // by hand, only what is whole counts: a manifest may claim any version
  const published = gate.settings.resync ? databases.get(database) : manifest?.databases[database];
  return [{ database, published, next: record, members }];
}

interface Attempt {
  readonly updates: readonly Update[];
  readonly proof: Proof;
  readonly refusal: RefusalError | undefined;
}

/** Proves what is in the stage now; if only engines that read `.sign` files refuse it, once more without the new ones. */
async function attempt(set: UpdateSet, gate: Gate): Promise<Attempt> {
  const first = await attemptOnce([...set.values()], gate);
  if (first.refusal === undefined || !blamesSigns(first.proof)) return first;
  const reason = whyWithheld(first.proof, first.refusal.message);
  const reduced = await withoutNewSigns(first.updates, reason, gate);
  if (reduced === undefined) return first;
  gate.log.info(`not proven; trying without the new .sign files: ${reason}`);
  const second = await attemptOnce(reduced.updates, gate);
  if (second.refusal === undefined) {
    gate.log.warn(`the new .sign files are withheld: ${reason}`);
    return second;
  }
  await reduced.undo();
  return first;
}

/** One proof of what is in the stage now. */
async function attemptOnce(updates: readonly Update[], gate: Gate): Promise<Attempt> {
  const { prove, stage, published, retained, workFolder, settings } = gate;
  const { accept } = settings;
  const proof = await prove({
    folder: stage.folder,
    publishedFiles: new Set([...stage.files.values()].flatMap((file) => (file.stored ? [file.name] : []))),
    staged: new Map(updates.flatMap(({ database, record }) => (record ? [[database, record]] : []))),
    published: new Map(
      updates.flatMap(({ database, publishedCvd: path, publishedSign: sign }) => {
        const version = published.manifest?.databases[database]?.version;
        return path === undefined || version === undefined ? [] : [[database, { version, path, sign }]];
      }),
    ),
    retained,
    workFolder,
  });
  if (!proof.passed) return { updates, proof, refusal: refusalBy(proof) };
  const set = new Map(updates.map((one) => [one.database, one]));
  const unusual = updates.flatMap((one) => findingsOf(one, set, gate).map(({ what }) => what));
  const beyond = updates.flatMap(({ database, isNew, record }) =>
    isNew && record !== undefined ? beyondEngines(database, record, proof) : [],
  );
  if (beyond.length > 0 && accept === undefined) {
    return { updates, proof: { ...proof, passed: false }, refusal: implausible(beyond.join('; ')) };
  }
  const findings = [...unusual, ...beyond];
  if (findings.length === 0) return { updates, proof, refusal: undefined };
  const reason = accept ?? 'it is genuine, was told of for a day, and is proven';
  return { updates, proof: { ...proof, accepted: { reason, findings } }, refusal: undefined };
}

/** Puts the published files of a database in the place of its update, whose files wait beside the stage. */
async function revertToPublished(database: string, error: RefusalError, gate: Gate): Promise<Update> {
  await gate.stage.setAside(database);
  const record = gate.published.databases.get(database);
  if (record === undefined) return { database, record, how: 'unchanged', isNew: false, error };
  await carryOver(database, record.version, gate);
  const staged = stagedAsPublished(database, record.version, gate);
  return { database, record, how: 'unchanged', isNew: false, ...staged, error };
}
