import * as v from 'valibot';
import { CHANGES_BYTES, CHANGES_OVERVIEW_BYTES } from '../base/limits/page.ts';
import { changesOverviewName } from '../cvd/names.ts';
import { Time } from '../store/file-record.ts';
import { Count, encodeVersions, jsonOf, versionsSchema } from './record.ts';
import { countsOf, KINDS_OF_CHANGE, SOURCES, type Step } from './step.ts';
import type { ReadText } from './texts.ts';

const SummarySchema = v.object({
  from: Count,
  to: Count,
  built: v.optional(Time),
  source: v.picklist(SOURCES),
  added: Count,
  removed: Count,
  exchanged: Count,
  /** Names that the list lacks: nobody knows them, or they are left out because it would be too long. */
  unnamed: v.optional(Count),
  /** Bytes of the list. */
  bytes: v.pipe(Count, v.maxValue(CHANGES_BYTES)),
});

const OverviewSchema = versionsSchema(SummarySchema);

/** Summary of what changed with a version. */
export type StepSummary = v.InferOutput<typeof SummarySchema>;

/** Summary of a step whose list has this text. */
export function summaryOf(step: Step, text: string): StepSummary {
  const { from, to, built, source } = step;
  const unnamed = step.files
    .flatMap((file) => [...KINDS_OF_CHANGE.map((kind) => file[kind]), { unknown: file.gone ? 1 : 0, cut: 0 }])
    .reduce((sum, list) => sum + (list?.unknown ?? 0) + (list?.cut ?? 0), 0);
  return {
    ...{ from, to, ...(built !== undefined && { built }), source, ...countsOf(step) },
    ...(unnamed > 0 && { unnamed }),
    bytes: Buffer.byteLength(text),
  };
}

/** Text of `changes/daily.json`, one line for each version. */
export function encodeOverview(database: string, versions: readonly StepSummary[]): string {
  return encodeVersions(database, versions);
}

/** Reads which versions of a database have a list, oldest first. It decides nothing: what cannot be understood is none. */
export async function readOverview(read: ReadText, database: string): Promise<readonly StepSummary[]> {
  const text = await read(changesOverviewName(database), CHANGES_OVERVIEW_BYTES);
  const parsed = v.safeParse(OverviewSchema, jsonOf(text, CHANGES_OVERVIEW_BYTES));
  if (!parsed.success || parsed.output.database !== database) return [];
  return parsed.output.versions.filter(({ from, to }) => from < to).sort((a, b) => a.to - b.to);
}

/**
 * Reads the last steps of each of these databases, newest first. A database of which nothing is known has none. Throws
 * if the texts cannot be read.
 */
export async function latestChanges(
  read: ReadText,
  databases: readonly string[],
  count = 5,
): Promise<ReadonlyMap<string, readonly StepSummary[]>> {
  const each = databases.map(async (database) => {
    const all = await readOverview(read, database);
    return [database, all.slice(-count).reverse()] as const;
  });
  return new Map(await Promise.all(each));
}
