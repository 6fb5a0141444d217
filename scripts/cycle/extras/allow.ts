import { MirrorError } from '../../base/errors.ts';
import { inspectExtras } from '../../mirror/check/inspect-extras.ts';
import type { Allowed } from '../../mirror/extras.ts';
import { type Published, readPublished, requireUnderstood } from '../../mirror/published.ts';
import type { Proof } from '../../proof/record.ts';
import type { CycleDeps } from '../context.ts';
import { openFaceBeside } from '../face/cycle-face.ts';
import { RefusalError } from '../gate/refusal.ts';
import type { CycleSettings } from '../settings.ts';
import { openWorkspace } from '../workspace.ts';
import { listWith } from './allow-list.ts';
import type { PassedExtras } from './gate-extras.ts';
import { proveAndPublish } from './round.ts';
import { takenError, takenNames } from './taken.ts';
import { NO_EXTRAS, wantedExtras } from './wanted.ts';
import { entriesNow, type ListedEntry } from './wanted-entries.ts';

export class AllowError extends MirrorError<
  /** Nothing is published. */
  | 'allow/no-mirror'
  /** There is no such entry. */
  | 'allow/unknown'
  /** The entry stands in the file that settings name, and goes with it. */
  | 'allow/from-file'
> {}

/** A changed allow list. */
export interface AllowListChange {
  /** The entry that was added, changed or taken away. */
  readonly entry: Allowed;
  readonly allowed: readonly Allowed[];
  /** Extras beside it that did not pass with the list, and are published no more, and why. */
  readonly left: Readonly<Record<string, string>>;
  /** True if no database has a signature of this name now. It may come later. */
  readonly isIdle: boolean;
  /** `null` if nothing was to be proven: only a reason or an end is new. */
  readonly proof: Proof | null;
}

type Settings = Pick<CycleSettings, 'work' | 'resync'>;

/**
 * Puts an entry on the allow list, or gives it another reason or end, and publishes the list once every engine has shown that it
 * hides no more than that. Throws; then nothing has changed. Throws `proof/hides` for an entry that hides too much.
 */
export async function allow(
  settings: Settings,
  wanted: ListedEntry,
  deps: CycleDeps,
): Promise<AllowListChange> {
  return await change(settings, deps, (current, now) => {
    const before = current.find(({ what }) => what === wanted.what);
    if (before?.from === 'file') throw fromFile(before);
    const entry: Allowed = { ...wanted, since: before?.since ?? now.toISOString(), from: 'command' };
    const allowed =
      before === undefined ? [...current, entry] : current.map((one) => (one === before ? entry : one));
    return { entry, allowed };
  });
}

/** Takes an entry from the allow list. Throws as `allow` does, and `allow/unknown`. */
export async function disallow(settings: Settings, what: string, deps: CycleDeps): Promise<AllowListChange> {
  return await change(settings, deps, (current) => {
    const entry = current.find((one) => one.what === what);
    if (entry === undefined) {
      throw new AllowError('allow/unknown', `${what} is not on the allow list`, {
        advice:
          current.length === 0 ? 'The list is empty' : `On it: ${current.map((one) => one.what).join(', ')}`,
      });
    }
    if (entry.from === 'file') throw fromFile(entry);
    return { entry, allowed: current.filter((one) => one !== entry) };
  });
}

async function change(
  { work, resync }: Settings,
  deps: CycleDeps,
  edit: (current: readonly Allowed[], now: Date) => Pick<AllowListChange, 'entry' | 'allowed'>,
): Promise<AllowListChange> {
  const { store, log, now } = deps;
  await using workspace = await openWorkspace(work, log);
  const published = await readPublished(store);
  requireUnderstood(published, store);
  if (published.manifest === undefined) {
    throw new AllowError('allow/no-mirror', `nothing is published in ${store.where}`, {
      advice: 'Run sync first',
    });
  }
  const { extras = NO_EXTRAS } = published.manifest;
  const { entry, allowed } = edit(entriesNow(extras.allowed, undefined, now()), now());
  const damaged = await inspectExtras(published, { sight: store.sight, now: now(), readsAll: resync });
  const found = wantedExtras(published, { allowed, hasList: true, acquired: undefined, damaged });
  for (const name of await takenNames(published, found.wanted, store)) throw takenError(name, store);
  log.info('proving the allow list with real ClamAV');
  const passed = await proveAndPublish({
    ...{ ...deps, ...found, published, allowed, workFolder: workspace.folder, isDry: false },
    openFace: async (seen: Published) => await openFaceBeside(deps, seen, {}),
    requirePassed: (one) => requireEntry(entry, one),
  });
  return {
    entry,
    allowed: passed?.allowed ?? allowed,
    left: Object.fromEntries([...(passed?.left ?? [])].map(([name, { message }]) => [name, message])),
    isIdle: passed?.idle.includes(entry.what) === true,
    proof: passed?.proof ?? null,
  };
}

/** Requires that the entry, and the file of its list, passed. */
function requireEntry({ what }: Allowed, { refused, left }: PassedExtras): void {
  const why = refused.get(what);
  if (why !== undefined) throw new RefusalError('proof/hides', `${what} is not allowed: ${why}`);
  const error = left.get(listWith(what));
  if (error !== undefined) throw error;
}

function fromFile({ what }: Allowed): AllowError {
  return new AllowError('allow/from-file', `${what} stands in the file that --allow-list names`, {
    advice: 'Change it there: the next sync follows',
  });
}
