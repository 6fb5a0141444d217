import { SILENT } from '../../../scripts/base/log.ts';
import type { CycleDeps } from '../../../scripts/cycle/context.ts';
import { type AllowListChange, allow } from '../../../scripts/cycle/extras/allow.ts';
import type { ListedEntry } from '../../../scripts/cycle/extras/wanted-entries.ts';
import type { Prove } from '../../../scripts/proof/prove.ts';
import type { ExtrasCandidate } from '../../../scripts/proof/prove-extras.ts';
import type { Candidate } from '../../../scripts/proof/scenarios/scenario.ts';
import { FolderStore } from '../../../scripts/store/folder.ts';
import { TALOS } from '../../../scripts/verify/trust.ts';
import { openProver, trusting } from '../../support/clamav/engines.ts';
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

/** A prover that lets everything pass. */
export const QUICK = {
  openProver: async (): Promise<Prove> =>
    Object.assign(async (candidate: Candidate) => await trusting(candidate), {
      extras: async ({ staged }: ExtrasCandidate) => {
        const databases = { staged } as Candidate;
        return { proof: await trusting(databases), refused: new Map(), off: new Map() };
      },
    }),
};
