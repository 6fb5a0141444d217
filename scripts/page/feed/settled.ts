import { explain } from '../../base/errors.ts';
import { MANIFEST_NUMBER } from '../../base/limits/manifest.ts';
import type { Log } from '../../base/log.ts';
import { readOverview, type StepSummary } from '../../changes/overview.ts';
import { textsOf } from '../../changes/texts.ts';
import type { Store } from '../../store/store.ts';
import type { Change, History } from '../history.ts';

/** Summaries of what changed with each version, by database, oldest first. */
export type Steps = ReadonlyMap<string, readonly StepSummary[]>;

/** Reads what the store tells of the changes that feeds do not tell yet. A mirror may lack that. */
export async function readSteps(
  { changes }: History,
  store: Pick<Store, 'where' | 'readStart'>,
  log: Pick<Log, 'warn'>,
): Promise<Steps> {
  const databases = new Set(changes.filter(isPending).map(({ database }) => database));
  const each = [...databases].map(async (database) => {
    const steps = await readOverview(textsOf(store), database).catch((error) => {
      log.warn(`the list of changes of ${database} in ${store.where} cannot be read: ${explain(error)}`);
      return [];
    });
    return [database, steps] as const;
  });
  return new Map(await Promise.all(each));
}

/** True for a change that feeds do not tell yet: its cycle may take it back. */
export function isPending(change: Change): boolean {
  return change.isPending === true;
}

/** The history after a cycle has ended: its changes stay as they are, with what is known of each by now. */
export function settled(history: History, steps: Steps): History {
  const changes = history.changes.map((change) => {
    if (!isPending(change)) return change;
    const { isPending: _, ...rest } = change;
    return { ...rest, ...countsOf(change, steps.get(change.database) ?? []) };
  });
  return { ...history, changes };
}

/** Counts over all steps from one version to the other, if each of them is known. */
function countsOf({ from, to }: Change, steps: readonly StepSummary[]): Pick<Change, 'lines'> {
  const between = steps.filter((step) => from !== null && step.from >= from && step.to <= to);
  const isWhole = between.every((step, at) => step.from === (between[at - 1]?.to ?? from));
  if (between.length === 0 || !isWhole || between.at(-1)?.to !== to) return {};
  const sum = (kind: 'added' | 'removed' | 'exchanged') => between.reduce((all, step) => all + step[kind], 0);
  const counts = { added: sum('added'), removed: sum('removed'), exchanged: sum('exchanged') };
  if (Object.values(counts).some((count) => count > MANIFEST_NUMBER)) return {}; // no history could hold them
  return { lines: { ...counts, steps: between.length } };
}
