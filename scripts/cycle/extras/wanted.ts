import type { AcquiredExtra } from '../../extras/extra.ts';
import type { Allowed, Extras } from '../../mirror/extras.ts';
import type { Published } from '../../mirror/published.ts';
import { LISTS } from './allow-list.ts';
import { listFile } from './gate-extras.ts';
import type { WantedExtra } from './stage-extras.ts';

/** Extras as they are to be, and as they are. */
export interface WantedExtras {
  readonly wanted: ReadonlyMap<string, WantedExtra>;
  /** Published versions of those that are to be replaced. */
  readonly earlier: ReadonlyMap<string, WantedExtra>;
  /** Published extras whose bytes are gone or damaged. */
  readonly damaged: ReadonlySet<string>;
}

/** A mirror without any extra. */
export const NO_EXTRAS: Extras = { files: {}, allowed: [], retired: [] };

/**
 * Extras that are wanted: the allow list's files, if there is a list; what sources gave; and of a source that gave nothing, what
 * is published. With `acquired` undefined, settings do not say which sources there are: what is published stays.
 */
export function wantedExtras(
  { manifest }: Pick<Published, 'manifest'>,
  given: {
    readonly allowed: readonly Allowed[];
    readonly hasList: boolean;
    readonly acquired: readonly AcquiredExtra[] | undefined;
    readonly damaged: ReadonlySet<string>;
  },
): WantedExtras {
  const { allowed, hasList, acquired, damaged } = given;
  const there = new Map<string, WantedExtra>();
  for (const [name, { size, sha256, source }] of Object.entries(manifest?.extras?.files ?? {})) {
    if (!damaged.has(name) && !LISTS.includes(name)) there.set(name, { name, size, sha256, source });
  }
  const wanted = new Map<string, WantedExtra>(acquired === undefined ? there : []);
  const earlier = new Map<string, WantedExtra>();
  for (const { name, source, path, size, sha256 } of acquired ?? []) {
    const before = there.get(name);
    if (path !== undefined && size !== undefined && sha256 !== undefined) {
      wanted.set(name, { name, source, size, sha256, from: { path } });
      if (before !== undefined) earlier.set(name, before);
    } else if (before !== undefined) wanted.set(name, before);
  }
  if (hasList) for (const name of LISTS) wanted.set(name, listFile(name, allowed));
  return { wanted, earlier, damaged };
}

/** True if there is an allow list: from the first entry on, and then for good. */
export function hasAllowList(current: Extras, isConfigured: boolean): boolean {
  return (
    isConfigured || current.allowed.length > 0 || LISTS.some((name) => Object.hasOwn(current.files, name))
  );
}
