import { CLOCK_TOLERANCE_MS } from '../../base/clock.ts';
import { COOL_DOWN_MS } from '../../base/limits/upstream.ts';
import { type Memory, State } from '../../cycle/memory/state.ts';
import { readPublished } from '../../mirror/published.ts';
import { type Status, statusOf } from '../../page/status.ts';
import { readHistory } from '../../page/stored-history.ts';
import type { Store } from '../../store/store.ts';

/** What a mirror serves at one moment. */
export interface Served {
  /** `undefined`: nothing was ever published. */
  readonly status: Status | undefined;
  /** Databases that are published, and not whole. */
  readonly damaged: readonly string[];
}

const NO_MEMORY: Memory = { coolDowns: {}, quarantine: {} };

/** Reads what is published, and what cycles remember. Changes nothing. Throws if the store cannot be read. */
export async function readServed(store: Store, work: string, now: Date): Promise<Served> {
  const { manifest, damaged, listing } = await readPublished(store);
  if (manifest === undefined) return { status: undefined, damaged };
  const memory = await State.look(work, now).catch(() => NO_MEMORY);
  const history = await readHistory(store, listing, now);
  const { url } = manifest.upstream;
  const coolDown = Object.hasOwn(memory.coolDowns, url) ? memory.coolDowns[url] : undefined;
  const { quarantine } = memory;
  const { publicUrl } = history;
  return { status: statusOf({ now, manifest, history, quarantine, coolDown, publicUrl }), damaged };
}

/** Time at which the first cool-down is over that an upstream asked for. */
export async function coolDownEnd(work: string, now: Date): Promise<Date | undefined> {
  const { coolDowns } = await State.look(work, now).catch(() => NO_MEMORY);
  const ends = Object.values(coolDowns)
    .map(({ until }) => Date.parse(until) - now.getTime())
    .filter((left) => left > 0 && left <= COOL_DOWN_MS.longest + CLOCK_TOLERANCE_MS);
  return ends.length === 0 ? undefined : new Date(now.getTime() + Math.min(...ends));
}
