import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import * as v from 'valibot';
import { liesAhead } from '../../base/clock.ts';
import { parseJson } from '../../base/json.ts';
import { ALERT_MEMORY_BYTES, ALERT_MEMORY_ENTRIES } from '../../base/limits/alerts.ts';
import { replaceFile } from '../../files/atomic.ts';
import { readText } from '../../files/open.ts';
import { FOR_EVERYBODY } from '../../files/private-folder.ts';
import { IssueCode } from '../github/issue-state.ts';
import { About, FAILURE_CLASSES } from '../run-report.ts';

/** File in the work folder that remembers what alerts told. */
export const ALERTS_FILE = 'alerts.json';

const Time = v.pipe(v.string(), v.isoTimestamp());
const Count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const Name = v.pipe(v.string(), v.maxLength(80));
const Id = v.pipe(v.string(), v.regex(/^[0-9a-f]{8,16}$/));

const ToldSchema = v.object({
  /** Receiver, by the digest of its address. */
  receiver: Id,
  mirror: Id,
  class: v.picklist(FAILURE_CLASSES),
  about: v.optional(About),
  code: v.optional(IssueCode),
  first: Time,
  last: Time,
  count: Count,
  commented: Time,
  run: Name,
});
const RunsSchema = v.object({
  mirror: Id,
  /** Command whose runs these are: `sync`, `watch` … */
  of: Name,
  /** Runs that failed in a row up to the last one. */
  failed: Count,
  /** The run that was counted last; empty if it did not fail, so that good runs leave the memory as it is. */
  run: Name,
});
const PublishedSchema = v.object({
  receiver: Id,
  mirror: Id,
  versions: v.record(Name, Count),
});
const FileSchema = v.object({
  told: v.array(v.unknown()),
  runs: v.array(v.unknown()),
  published: v.array(v.unknown()),
});

/** A failure that a receiver was told of, and not yet of its end. */
export type Told = v.InferOutput<typeof ToldSchema>;
export type Runs = v.InferOutput<typeof RunsSchema>;
/** Versions that a receiver was told of last. */
export type PublishedVersions = v.InferOutput<typeof PublishedSchema>;

/**
 * Memory of what was told, where GitHub's record cannot be one. To lose it, or a part of it, makes an alert too many, and
 * never one too few: what is not known to have been told is told.
 */
export interface Memory {
  readonly told: readonly Told[];
  readonly runs: readonly Runs[];
  readonly published: readonly PublishedVersions[];
}

export const NOTHING_TOLD: Memory = { told: [], runs: [], published: [] };

/** Reads a memory. What cannot be understood, or lies ahead, is left out. Never throws. */
export async function readMemory(path: string, now: Date): Promise<Memory> {
  const text = await readText(path, ALERT_MEMORY_BYTES).catch(() => undefined);
  return text === undefined ? NOTHING_TOLD : parseMemory(text, now);
}

export function parseMemory(text: string, now: Date): Memory {
  let parsed: unknown;
  try {
    parsed = parseJson(text, ALERT_MEMORY_BYTES);
  } catch {
    return NOTHING_TOLD;
  }
  const file = v.safeParse(FileSchema, parsed);
  if (!file.success) return NOTHING_TOLD;
  const told = eachOf(ToldSchema, file.output.told);
  return {
    told: told.filter(({ commented, last }) => !liesAhead(commented, now) && !liesAhead(last, now)),
    runs: eachOf(RunsSchema, file.output.runs),
    published: eachOf(PublishedSchema, file.output.published),
  };
}

/** Writes a memory for this user alone, the last entries if there are too many. Throws errors of the file system. */
export async function writeMemory(path: string, { told, runs, published }: Memory): Promise<void> {
  const last = <T>(entries: readonly T[]) => entries.slice(-ALERT_MEMORY_ENTRIES);
  const text = JSON.stringify({ told: last(told), runs: last(runs), published: last(published) });
  // before its first cycle a mirror has no work folder, and takes none later that others can write to
  const folder = dirname(path);
  await mkdir(dirname(folder), { recursive: true, mode: FOR_EVERYBODY });
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await replaceFile(path, `${text}\n`, { rights: 0o600 });
}

function eachOf<T>(schema: v.GenericSchema<unknown, T>, entries: readonly unknown[]): T[] {
  return entries.slice(-ALERT_MEMORY_ENTRIES).flatMap((entry) => {
    const parsed = v.safeParse(schema, entry);
    return parsed.success ? [parsed.output] : [];
  });
}
