import { type CarryParts, carry } from '../../mirror/carry-over.ts';
import type { Prove } from '../../proof/prove.ts';
import type { Proof } from '../../proof/record.ts';
import type { EarlierCvd } from '../../proof/scenarios/scenario.ts';
import { type Brought, stagedAsPublished } from '../acquire.ts';
import { implausible, type WaitMemory, waitFor } from '../memory/retirement.ts';
import { beyondEngines, type Finding, implausibleIn, type Step } from './plausibility.ts';
import { RefusalError } from './refusal.ts';
import { blamesSigns, whyWithheld, withoutNewSigns } from './signs.ts';

export interface JudgeParts extends CarryParts {
  readonly now: () => Date;
  readonly prove: Prove;
  readonly retained: ReadonlyMap<string, readonly EarlierCvd[]>;
  readonly workFolder: string;
  /** As a share, if somebody has set it. */
  readonly maxSignatureDrop: number | undefined;
  /** Of what is unusual; without it, that is refused. */
  readonly waits?: WaitMemory;
  /** Whether somebody asked for everything anew. */
  readonly resync?: boolean;
  /** Why to take what looks implausible. */
  readonly accept: string | undefined;
}

/** The databases as they may be published, those that were refused as they are published now. */
export interface Judgement {
  readonly brought: readonly Brought[];
  /** Of the set that may be published, else of one that may not; `null` if nothing got as far as a proof. */
  readonly proof: Proof | null;
}

/**
 * Lets only that pass which is plausible and which the engines prove. All databases are proven together, as clients
 * use them. If that fails, each new one is tried on top of those that passed, so that one refused database does not
 * hold up the others; what is published is in any case a set that was proven as a whole.
 */
export async function judge(brought: readonly Brought[], parts: JudgeParts): Promise<Judgement> {
  const set = new Map(brought.map((one) => [one.database, one]));
  await withdrawImplausible(set, parts);
  const news = [...set.values()].filter((one) => one.news);
  if (news.length === 0) return { brought: [...set.values()], proof: null };

  const together = await attempt(set, parts);
  if (together.refusal === undefined) return { brought: together.brought, proof: together.proof };
  for (const { database } of news) set.set(database, await withdraw(database, together.refusal, parts));
  let { proof } = together;
  if (news.length > 1) {
    for (const one of news) {
      const withdrawn = set.get(one.database) ?? one;
      const unlike = await refusalOf(one, set.set(one.database, one), parts);
      if (unlike !== undefined) {
        set.set(one.database, { ...withdrawn, trouble: unlike });
        continue;
      }
      parts.log.info(`not proven together; trying ${one.database} ${one.record?.version} by itself`);
      await parts.stage.discardDatabase(one.database);
      await parts.stage.putBack(one.database);
      const trial = await attempt(set, parts);
      for (const tried of trial.brought) set.set(tried.database, tried);
      if (trial.refusal !== undefined) {
        set.set(one.database, await withdraw(one.database, trial.refusal, parts));
      }
      if (trial.refusal === undefined || !proof.passed) proof = trial.proof;
    }
  }
  return { brought: [...set.values()], proof };
}

type BroughtSet = ReadonlyMap<string, Brought>;

/** What one of them gained, another may count on: so it is looked at until nothing more is withdrawn. */
async function withdrawImplausible(set: Map<string, Brought>, parts: JudgeParts): Promise<void> {
  for (let isChanged = true; isChanged; ) {
    isChanged = false;
    for (const one of [...set.values()]) {
      const refusal = await refusalOf(one, set, parts);
      if (refusal === undefined) continue;
      set.set(one.database, await withdraw(one.database, refusal, parts));
      isChanged = true;
    }
  }
}

/** Why one that looks implausible beside the others is not even tried. */
async function refusalOf(
  one: Brought,
  set: BroughtSet,
  parts: JudgeParts,
): Promise<RefusalError | undefined> {
  if (parts.accept !== undefined) return undefined;
  const { waits: memory, maxSignatureDrop, now } = parts;
  const [step] = stepOf(one, parts);
  if (step === undefined) return undefined;
  return await waitFor(step, findingsOf(one, set, parts), { memory, maxSignatureDrop, now: now() });
}

function findingsOf(one: Brought, set: BroughtSet, parts: JudgeParts): Finding[] {
  const [step] = stepOf(one, parts);
  return step === undefined
    ? []
    : implausibleIn(
        step,
        [...set.values()].flatMap((other) => stepOf(other, parts)),
        parts,
      );
}

function stepOf({ database, news, record, members }: Brought, parts: JudgeParts): Step[] {
  if (!news || record === undefined) return [];
  const { manifest, databases } = parts.published;
  // by hand, only what is whole counts: a manifest may claim any version
  const published = parts.resync === true ? databases.get(database) : manifest?.databases[database];
  return [{ database, published, next: record, members }];
}

interface Attempt {
  readonly brought: readonly Brought[];
  readonly proof: Proof;
  readonly refusal: RefusalError | undefined;
}

/** Proves what is in the stage now; if only engines that read `.sign` files refuse it, once more without the new ones. */
async function attempt(set: BroughtSet, parts: JudgeParts): Promise<Attempt> {
  const first = await attemptOnce([...set.values()], parts);
  if (first.refusal === undefined || !blamesSigns(first.proof)) return first;
  const reason = whyWithheld(first.proof, first.refusal.message);
  const reduced = await withoutNewSigns(first.brought, reason, parts);
  if (reduced === undefined) return first;
  parts.log.info(`not proven; trying without the new .sign files: ${reason}`);
  const second = await attemptOnce(reduced.brought, parts);
  if (second.refusal === undefined) {
    parts.log.warn(`the new .sign files are withheld: ${reason}`);
    return second;
  }
  await reduced.undo();
  return first;
}

/** One proof of what is in the stage now. */
async function attemptOnce(brought: readonly Brought[], parts: JudgeParts): Promise<Attempt> {
  const { prove, stage, published, retained, workFolder, accept } = parts;
  const proof = await prove({
    folder: stage.folder,
    publishedFiles: new Set([...stage.files.values()].flatMap((file) => (file.stored ? [file.name] : []))),
    staged: new Map(brought.flatMap(({ database, record }) => (record ? [[database, record]] : []))),
    published: new Map(
      brought.flatMap(({ database, publishedCvd: path, publishedSign: sign }) => {
        const version = published.manifest?.databases[database]?.version;
        return path === undefined || version === undefined ? [] : [[database, { version, path, sign }]];
      }),
    ),
    retained,
    workFolder,
  });
  if (!proof.passed) return { brought, proof, refusal: failure(proof) };
  const set = new Map(brought.map((one) => [one.database, one]));
  const unusual = brought.flatMap((one) => findingsOf(one, set, parts).map(({ what }) => what));
  const beyond = brought.flatMap(({ database, news, record }) =>
    news && record !== undefined ? beyondEngines(database, record, proof) : [],
  );
  if (beyond.length > 0 && accept === undefined) {
    return { brought, proof: { ...proof, passed: false }, refusal: implausible(beyond.join('; ')) };
  }
  const findings = [...unusual, ...beyond];
  if (findings.length === 0) return { brought, proof, refusal: undefined };
  const reason = accept ?? 'it is genuine, was told of for a day, and is proven';
  return { brought, proof: { ...proof, accepted: { reason, findings } }, refusal: undefined };
}

/** Puts what is published of a database in the place of what is new of it; the new files wait beside the stage. */
async function withdraw(database: string, trouble: RefusalError, parts: JudgeParts): Promise<Brought> {
  await parts.stage.setAside(database);
  const record = parts.published.databases.get(database);
  if (record === undefined) return { database, record, how: 'unchanged', news: false, trouble };
  await carry(database, record.version, parts);
  const staged = stagedAsPublished(database, record.version, parts.stage);
  return { database, record, how: 'unchanged', news: false, ...staged, trouble };
}

/** The first scenario that failed, as the reason of a refusal. */
function failure({ results, engines }: Proof): RefusalError {
  const failed = results.find(({ result }) => result === 'failed');
  if (failed === undefined) return new RefusalError('proof/failed', 'nothing was proven');
  const version = engines.find(({ name }) => name === failed.engine)?.version ?? 'unknown';
  const who = `${failed.engine} (ClamAV ${version})`;
  return new RefusalError('proof/failed', `${who}: ${failed.scenario}: ${failed.evidence}`);
}
