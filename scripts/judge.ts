import { type Brought, stagedAsPublished } from './bring.ts';
import { blamesSigns, whyWithheld, withoutNewSigns } from './judge-signs.ts';
import { beyondEngines, implausibleIn } from './plausible.ts';
import type { Prove } from './proof/prove.ts';
import type { Proof } from './proof/record.ts';
import type { EarlierCvd } from './proof/scenarios/scenario.ts';
import { RefusalError } from './refusal.ts';
import { type CarryParts, carry } from './store/carry.ts';

export interface JudgeParts extends CarryParts {
  readonly now: () => Date;
  readonly prove: Prove;
  readonly retained: ReadonlyMap<string, readonly EarlierCvd[]>;
  readonly workFolder: string;
  readonly maxSignatureDrop: number;
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
  const findings = new Map(brought.map((one) => [one.database, implausible(one, parts)]));
  const set = new Map(brought.map((one) => [one.database, one]));
  for (const [database, wrong] of findings) {
    if (wrong.length > 0 && parts.accept === undefined) {
      set.set(database, await withdraw(database, implausibility(wrong), parts));
    }
  }
  const news = [...set.values()].filter((one) => one.news);
  if (news.length === 0) return { brought: [...set.values()], proof: null };

  const together = await attempt(set, findings, parts);
  if (together.refusal === undefined) return { brought: together.brought, proof: together.proof };
  for (const { database } of news) set.set(database, await withdraw(database, together.refusal, parts));
  let { proof } = together;
  if (news.length > 1) {
    for (const one of news) {
      parts.log.info(`not proven together; trying ${one.database} ${one.record?.version} by itself`);
      await parts.stage.discardDatabase(one.database);
      await parts.stage.putBack(one.database);
      const trial = await attempt(set.set(one.database, one), findings, parts);
      for (const tried of trial.brought) set.set(tried.database, tried);
      if (trial.refusal !== undefined) {
        set.set(one.database, await withdraw(one.database, trial.refusal, parts));
      }
      if (trial.refusal === undefined || !proof.passed) proof = trial.proof;
    }
  }
  return { brought: [...set.values()], proof };
}

function implausible({ database, news, record }: Brought, parts: JudgeParts): string[] {
  if (!news || record === undefined) return [];
  const { manifest, databases } = parts.published;
  // by hand, only what is whole counts: a manifest may claim any version
  const before = parts.resync === true ? databases.get(database) : manifest?.databases[database];
  return implausibleIn(database, record, before, parts);
}

interface Attempt {
  readonly brought: readonly Brought[];
  readonly proof: Proof;
  readonly refusal: RefusalError | undefined;
}

type Implausible = ReadonlyMap<string, readonly string[]>;

/** Proves what is in the stage now; if only engines that read `.sign` files refuse it, once more without the new ones. */
async function attempt(
  set: ReadonlyMap<string, Brought>,
  findings: Implausible,
  parts: JudgeParts,
): Promise<Attempt> {
  const first = await attemptOnce([...set.values()], findings, parts);
  if (first.refusal === undefined || !blamesSigns(first.proof)) return first;
  const reason = whyWithheld(first.proof, first.refusal.message);
  const reduced = await withoutNewSigns(first.brought, reason, parts);
  if (reduced === undefined) return first;
  parts.log.info(`not proven; trying without the new .sign files: ${reason}`);
  const second = await attemptOnce(reduced.brought, findings, parts);
  if (second.refusal === undefined) {
    parts.log.warn(`the new .sign files are withheld: ${reason}`);
    return second;
  }
  await reduced.undo();
  return first;
}

/** One proof of what is in the stage now. */
async function attemptOnce(
  brought: readonly Brought[],
  findings: Implausible,
  parts: JudgeParts,
): Promise<Attempt> {
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
  const wrong = brought.flatMap(({ database, news, record }) => {
    if (!news || record === undefined) return [];
    return [...(findings.get(database) ?? []), ...beyondEngines(database, record, proof)];
  });
  if (wrong.length === 0) return { brought, proof, refusal: undefined };
  if (accept === undefined) {
    return { brought, proof: { ...proof, passed: false }, refusal: implausibility(wrong) };
  }
  return { brought, proof: { ...proof, accepted: { reason: accept, findings: wrong } }, refusal: undefined };
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

function implausibility(findings: readonly string[]): RefusalError {
  return new RefusalError('proof/implausible', findings.join('; '), {
    advice: 'If that is as it should be, run sync with --accept and the reason, which is recorded',
  });
}
