import { ExtraError } from '../../extras/error.ts';
import type { Published } from '../../mirror/published.ts';
import type { Store } from '../../store/store.ts';
import { LISTS, MARK } from './allow-list.ts';
import type { WantedExtra } from './stage-extras.ts';

/**
 * Names of wanted extras under which the store has files of somebody else, which are never replaced. A run that was killed leaves
 * files too: those are known by their bytes, and files of the allow list by their first line.
 */
export async function takenNames(
  { manifest, listing }: Pick<Published, 'manifest' | 'listing'>,
  wanted: ReadonlyMap<string, WantedExtra>,
  store: Pick<Store, 'readStart' | 'sight'>,
): Promise<ReadonlySet<string>> {
  const { files = {}, retired = [] } = manifest?.extras ?? {};
  const taken = new Set<string>();
  for (const { name, size, sha256 } of wanted.values()) {
    if (!listing.has(name) || Object.hasOwn(files, name) || retired.includes(name)) continue;
    const isOurs = LISTS.includes(name)
      ? (await store.readStart(name, MARK.length)).toString('utf8') === MARK
      : listing.get(name) === size && (await store.sight.hash(name, size)) === sha256;
    if (!isOurs) taken.add(name);
  }
  return taken;
}

export function takenError(name: string, { where }: Pick<Store, 'where'>): ExtraError {
  return new ExtraError('extra/taken', `${where} has a file ${name} of somebody else, which stays`, {
    advice:
      'Move it away. If it is yours, give it another name and publish it with --extra, or put its lines on the allow list',
  });
}
