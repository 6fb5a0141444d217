import { cvdSignName, parseFileName } from '../../cvd/names.ts';
import { FIRST_SIGN_FLEVEL } from '../../engine/engine.ts';
import type { StagedFile } from '../../files/stage.ts';
import { type CarryContext, carryOver } from '../../mirror/carry-over.ts';
import { signRecord } from '../../mirror/signs/sign-record.ts';
import type { Proof } from '../../proof/record.ts';
import type { Update } from '../database.ts';

/** A set without its new `.sign` files, and a way back. */
export interface WithoutSigns {
  readonly updates: readonly Update[];
  /** Puts the new files into the stage again. */
  undo(): Promise<void>;
}

/** True if nothing failed but engines that read `.sign` files: then those may be what an engine does not like. */
export function blamesSigns({ results, engines }: Proof): boolean {
  const failed = new Set(results.filter(({ result }) => result === 'failed').map(({ engine }) => engine));
  const readers = engines.filter(({ fLevel }) => (fLevel ?? 0) >= FIRST_SIGN_FLEVEL).map(({ name }) => name);
  return failed.size > 0 && [...failed].every((name) => readers.includes(name));
}

/**
 * Explains why `.sign` files are withheld that are valid here and that an engine does not like: which clients would fail with them,
 * and which would not. The proof is the one with them.
 */
export function whyWithheld({ results, engines }: Proof, reason: string): string {
  const readers = engines.filter(({ fLevel }) => (fLevel ?? 0) >= FIRST_SIGN_FLEVEL);
  const fails = ({ name }: Proof['engines'][number]) =>
    results.some(({ engine, result }) => engine === name && result === 'failed');
  const named = (some: Proof['engines']) =>
    some.map(({ name, version }) => `ClamAV ${version} (${name})`).join(', ');
  const [failing, others] = [readers.filter(fails), readers.filter((one) => !fails(one))];
  const but = others.length === 0 ? 'no engine here takes it' : `${named(others)} would not`;
  return `clients with ${named(failing)} would fail with it, ${but}: look at the certificates of those that fail. ${reason}`;
}

/**
 * Takes the new `.sign` files of these databases out of the stage: one that an engine does not like must not cost all
 * other clients the database. `undefined` if there are none. `reason`: what the engine did not like.
 */
export async function withoutNewSigns(
  updates: readonly Update[],
  reason: string,
  context: CarryContext & { readonly now: () => Date },
): Promise<WithoutSigns | undefined> {
  const { stage } = context;
  const updated = new Set(updates.filter((one) => one.isNew).map(({ database }) => database));
  const taken = [...stage.files.values()].filter((file) => isNewSign(file, updated));
  if (taken.length === 0) return undefined;
  for (const { name } of taken) await stage.takeOut(name);
  const reduced: Update[] = [];
  for (const one of updates) {
    reduced.push(updated.has(one.database) ? await reducedFrom(one, taken, reason, context) : one);
  }
  return {
    updates: reduced,
    async undo() {
      for (const file of taken) {
        await stage.takeOut(file.name); // the published one, which had come in its place
        await stage.accept(file);
      }
    },
  };
}

function isNewSign({ name, stored }: StagedFile, databases: ReadonlySet<string>): boolean {
  const file = parseFileName(name);
  return !stored && file?.kind === 'sign' && databases.has(file.database);
}

/** The published `.sign` of a version that stays is served on, if there is one. */
async function reducedFrom(
  one: Update,
  taken: readonly StagedFile[],
  reason: string,
  context: CarryContext & { readonly now: () => Date },
): Promise<Update> {
  const { database, record } = one;
  if (record === undefined) return one;
  const published = context.published.manifest?.databases[database];
  const name = cvdSignName(database, record.version);
  if (!taken.some((file) => file.name === name)) return one;
  if (published?.version === record.version) await carryOver(database, record.version, context);
  if (context.stage.files.has(name) && published?.sign !== undefined) {
    return { ...one, record: { ...record, sign: published.sign } };
  }
  const now = context.now().toISOString();
  const outcome = { state: 'withheld', reason } as const;
  return { ...one, record: { ...record, sign: signRecord(published?.sign, outcome, { now, asked: now }) } };
}
