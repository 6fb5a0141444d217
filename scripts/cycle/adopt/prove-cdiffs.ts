import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { REBUILD_STEPS } from '../../base/limits/upstream.ts';
import { copyRegular } from '../../files/open.ts';
import { verifyCdiffFile } from '../../files/verify.ts';
import { VerifyError } from '../../verify/error.ts';
import type { Adoption } from './adoption.ts';
import type { FolderContext } from './folder-context.ts';
import type { Candidate } from './folder-names.ts';
import { NOT_REACHED, noteUnproven } from './why.ts';

/** A proven CDIFF, for the proof of its `.sign`. */
export interface ProvenCdiff {
  readonly path: string;
  readonly sha256: string;
}

/**
 * Proves the CDIFFs of one database that a mirror can use: the window before the newest version of the folder, and those
 * that lead on from it. Returns them by name.
 */
export async function proveCdiffs(
  candidates: readonly Candidate[],
  adoption: Adoption,
  context: FolderContext,
): Promise<ReadonlyMap<string, ProvenCdiff>> {
  const { window } = context;
  const files = candidates.filter((one) => one.kind === 'cdiff');
  const [database = ''] = files.map((one) => one.database);
  const versions = adoption.databasesOf(database).map(({ verified }) => verified.header.version);
  const newest = Math.max(0, ...(versions.length > 0 ? versions : files.map(({ version }) => version)));
  const proven = new Map<string, ProvenCdiff>();
  for (const { name, version } of files) {
    if (version <= newest - window)
      adoption.note(name, 'not needed', `it leads to an earlier version than the CDIFFs that are kept`);
    else if (version > newest + REBUILD_STEPS)
      adoption.note(name, 'not needed', 'no database here leads to it');
    else {
      try {
        const found = await prove(name, { database, version }, context);
        proven.set(name, found);
        adoption.addCdiff(name, found.path);
        adoption.note(name, 'not used', NOT_REACHED);
      } catch (error) {
        noteUnproven(adoption, name, error);
      }
    }
  }
  return proven;
}

async function prove(
  name: string,
  expected: { readonly database: string; readonly version: number },
  { folder, copies, trust, maxSize }: FolderContext,
): Promise<ProvenCdiff> {
  const path = join(copies, name);
  try {
    await copyRegular(join(folder, name), path, { limit: maxSize });
    const { sha256, empty } = await verifyCdiffFile(path, trust, expected);
    if (!empty) return { path, sha256 };
    throw new VerifyError(
      'verify/unknown-file',
      'it is empty, and only upstream can say that it is meant to be',
    );
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  }
}
