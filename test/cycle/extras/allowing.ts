import { SILENT } from '../../../scripts/base/log.ts';
import type { CycleDeps } from '../../../scripts/cycle/context.ts';
import { type AllowListChange, allow } from '../../../scripts/cycle/extras/allow.ts';
import type { ListedEntry } from '../../../scripts/cycle/extras/wanted-entries.ts';
import { FolderStore } from '../../../scripts/store/folder.ts';
import { TALOS } from '../../../scripts/verify/trust.ts';
import { openProver } from '../../support/clamav/engines.ts';
import type { TestMirror } from '../../support/mirror/cycle.ts';

/** Name by which Talos' test database finds EICAR. */
export const EICAR = 'Eicar-Test-Signature';

/** Allows an entry in this process. */
export async function allowIn(
  { store, work }: Pick<TestMirror, 'store' | 'work'>,
  entry: ListedEntry,
  parts: Partial<CycleDeps> = {},
): Promise<AllowListChange> {
  return await allow({ work, resync: false }, entry, {
    store: new FolderStore(store),
    openProver,
    trust: TALOS,
    log: SILENT,
    now: () => new Date(),
    ...parts,
  });
}
