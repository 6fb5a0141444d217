import { CHANGES_BYTES } from '../base/limits/page.ts';
import { changesName } from '../cvd/names.ts';
import { printableName } from '../cvd/signature-name.ts';
import { mayHold, readNameIndex } from './name-index.ts';
import { readOverview, type StepSummary } from './overview.ts';
import { parseStep } from './record.ts';
import { KINDS_OF_CHANGE, type KindOfChange, type Step } from './step.ts';
import type { ReadText } from './texts.ts';

/** A change of a signature with a version. */
export interface SignatureEvent {
  readonly database: string;
  readonly from: number;
  readonly to: number;
  /** Time at which Talos built the version. */
  readonly built?: string;
  readonly file: string;
  readonly change: KindOfChange;
}

/** What the lists of one database say of a signature. */
export interface DatabaseAnswer {
  readonly database: string;
  /** Oldest first. */
  readonly events: readonly SignatureEvent[];
  /** The version before the first list, and that of the last one. */
  readonly from: number;
  readonly to: number;
  /** Versions whose lists may leave it out, for they do not name all that changed. */
  readonly unsure: readonly number[];
}

/** Takes off what ClamAV adds to the names of signatures that are not Talos', and brings it into the form of our lists. */
export function signatureAsked(name: string): string {
  return printableName(Buffer.from(name.trim().replace(/\.UNOFFICIAL$/, ''), 'utf8'));
}

/**
 * Finds the versions with which a signature came, went or became another one. A few lists are read, those which the index
 * names. Throws if they cannot be read.
 */
export async function findSignature(
  read: ReadText,
  databases: readonly string[],
  name: string,
): Promise<readonly DatabaseAnswer[]> {
  const answers = await Promise.all(databases.map((database) => answerOf(read, database, name)));
  return answers.filter((answer) => answer !== undefined);
}

async function answerOf(read: ReadText, database: string, name: string): Promise<DatabaseAnswer | undefined> {
  const [summaries, index] = await Promise.all([readOverview(read, database), readNameIndex(read, database)]);
  const [first, last] = [summaries[0], summaries.at(-1)];
  if (first === undefined || last === undefined) return undefined;
  const candidates = summaries.filter(({ to }) => mayHold(index.get(to), name));
  const found = await Promise.all(
    candidates.map(async (summary) => {
      const step = await readStep(read, database, summary);
      return { summary, step, events: step === undefined ? [] : eventsIn(step, name) };
    }),
  );
  const events = found.flatMap((one) => one.events);
  const isTold = new Set(events.map(({ to }) => to));
  const unread = new Set(found.filter(({ step }) => step === undefined).map(({ summary }) => summary.to));
  const unsure = summaries.filter(
    ({ to, unnamed = 0 }) => !isTold.has(to) && (unnamed > 0 || unread.has(to)),
  );
  return { database, events, from: first.from, to: last.to, unsure: unsure.map(({ to }) => to) };
}

/** Reads the list of a version. */
export async function readStep(
  read: ReadText,
  database: string,
  { to }: Pick<StepSummary, 'to'>,
): Promise<Step | undefined> {
  return parseStep(await read(changesName(database, to), CHANGES_BYTES), database, to);
}

function eventsIn({ database, from, to, built, files }: Step, name: string): SignatureEvent[] {
  return files.flatMap((change) =>
    KINDS_OF_CHANGE.filter((kind) => change[kind]?.names.includes(name)).map((kind) => ({
      ...{ database, from, to, ...(built !== undefined && { built }) },
      ...{ file: change.file, change: kind },
    })),
  );
}

/**
 * True if a signature is in the served version of a database, as its changes tell; `undefined` if they tell nothing. It may
 * be in several files.
 */
export function isServed(events: readonly SignatureEvent[], served: number | undefined): boolean | undefined {
  if (served === undefined || events.length === 0) return undefined;
  const byFile = Map.groupBy(events, ({ file }) => file);
  return [...byFile.values()].some((each) => {
    const before = each.filter(({ to }) => to <= served).at(-1);
    if (before !== undefined) return before.change !== 'removed';
    return each[0]?.change !== 'added'; // a version that was rolled back changed it first
  });
}
