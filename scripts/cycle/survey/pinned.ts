import { moment } from '../../base/words.ts';
import type { DatabaseRecord } from '../../mirror/manifest.ts';
import { type Store, StoreError } from '../../store/store.ts';

/** The note of a database that a rollback keeps at its version. `doubt`: why somebody should look at the pin. */
export function pinNote({ version, held, seen }: DatabaseRecord, doubt: string | undefined): string {
  const upstream = seen === undefined || seen.version === version ? '' : `; upstream has ${seen.version}`;
  const doubted = doubt === undefined ? '' : ` (${doubt})`;
  return `pinned at version ${version} since ${moment(held?.since ?? '')}: ${held?.reason}${doubted}${upstream}; "release" lets it move again`;
}

/** The error of a pinned database with damaged files: upstream's version must not replace what somebody pinned. */
export function pinnedDamage(database: string, { where }: Pick<Store, 'where'>): StoreError {
  return new StoreError('store/damaged', `${database} is pinned, and its files in ${where} are damaged`, {
    advice: `Roll back to a version in the archive, or let it move again: release --database ${database}`,
  });
}
