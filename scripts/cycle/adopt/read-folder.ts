import { mkdir, realpath, rm } from 'node:fs/promises';
import { relative, sep } from 'node:path';
import { counted } from '../../base/words.ts';
import { AdoptError } from './adopt-error.ts';
import { Adoption } from './adoption.ts';
import type { FolderContext } from './folder-context.ts';
import { type Candidate, classify, namesIn } from './folder-names.ts';
import { proveCdiffs } from './prove-cdiffs.ts';
import { proveDatabases } from './prove-databases.ts';
import { proveSigns } from './prove-signs.ts';

/**
 * Reads a folder of databases that somebody else kept: of cvdupdate, of freshclam or of a web server. Each file is copied
 * first and its copy proven as if a stranger had sent it, so nobody can exchange what was proven. Throws `AdoptError` for a
 * folder that cannot be read.
 */
export async function readFolder(context: FolderContext): Promise<Adoption> {
  const { folder, copies, databases, log } = context;
  await requireApart(context);
  const adoption = new Adoption(folder);
  await rm(copies, { recursive: true, force: true });
  await mkdir(copies, { mode: 0o700 });
  const candidates: Candidate[] = [];
  for (const name of await namesIn(folder)) {
    const found = classify(name, databases);
    if ('outcome' in found) adoption.note(name, found.outcome, found.reason);
    else candidates.push(found);
  }
  log.info(`reading ${counted(candidates.length, 'file')} of ${databases.join(', ')} in ${folder}`);
  for (const database of databases) {
    const own = candidates.filter((one) => one.database === database);
    await proveDatabases(own, adoption, context);
    const cdiffs = await proveCdiffs(own, adoption, context);
    await proveSigns(own, cdiffs, adoption, context);
  }
  return adoption;
}

/** Requires that the folder is none of ours, through links too: the store and the work folder change. */
async function requireApart({ folder, written }: FolderContext): Promise<void> {
  const place = await realpath(folder).catch(() => folder); // one that is not there is told of later
  for (const ours of written) {
    const other = await realpath(ours).catch(() => ours);
    if (!isWithin(place, other) && !isWithin(other, place)) continue;
    throw new AdoptError(
      'adopt/folder',
      `the folder to adopt, ${folder}, and ${ours} lie one within the other`,
      {
        advice: 'Nothing was changed. Choose another --store and --work: the adopted folder is only read',
      },
    );
  }
}

function isWithin(path: string, folder: string): boolean {
  const first = relative(folder, path).split(sep)[0];
  return first !== '..';
}
