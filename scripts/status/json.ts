import { archivedVersions } from '../mirror/archive.ts';
import { unreadNames } from '../mirror/own-manifest.ts';
import type { Facts } from './facts.ts';
import { type Problem, verdictOf } from './problems.ts';

/** Writes the facts for machines: the manifest without its files, and the findings of status. */
export function statusJson(facts: Facts, problems: readonly Problem[]): Record<string, unknown> {
  const { published, memory, where, lastChange, broken, foreign, promises, unknown } = facts;
  const { manifest, damaged, lostSigns, unread } = published;
  const { files: _, ...rest } = manifest ?? { files: {} };
  const archive = Object.keys(manifest?.databases ?? {}).map((name) => [
    name,
    archivedVersions(manifest, name),
  ]);
  return {
    verdict: verdictOf(problems),
    troubles: problems.map(({ next, ...problem }) => ({ ...problem, next: next.join(' ') })),
    store: where,
    lastChange,
    ...rest,
    archive: Object.fromEntries(archive),
    damaged,
    lostSigns,
    broken,
    foreign,
    unread: unreadNames(unread),
    quarantine: memory.quarantine,
    coolDowns: memory.coolDowns,
    lastRun: memory.lastRun ?? null,
    ...(unknown !== undefined && { unknown }),
    promises,
  };
}
