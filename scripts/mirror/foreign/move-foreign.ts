import { codeOf, explain } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import { counted } from '../../base/words.ts';
import type { Store } from '../../store/store.ts';
import { MANIFEST } from '../../store/store.ts';
import { DNS_TXT, FACE, PROOF_JSON, PROOF_TXT, TIMESTAMP } from '../pages.ts';
import type { Published } from '../published.ts';
import { foreignFilesIn } from './foreign-files.ts';

const PAGES = [MANIFEST, DNS_TXT, PROOF_JSON, PROOF_TXT, TIMESTAMP, ...FACE];
/** Number of names in one warning. */
const NAMES_SHOWN = 5;

/**
 * Keeps clients from everything that the manifest does not name. In a folder, files that they would take for databases
 * are set aside without losing any, and our own files that others cannot read are opened to them. In a bucket, foreign
 * files are never touched. Logs what it does. If that fails, it logs a warning and the run goes on.
 */
export async function moveForeign(
  store: Store,
  published: Pick<Published, 'manifest' | 'listing' | 'tag' | 'unread'>,
  { log, isDry }: { readonly log: Log; readonly isDry: boolean },
): Promise<void> {
  const { manifest, tag, unread } = published;
  if (manifest === undefined) return;
  // invalid parts of the manifest may name them: a cycle repairs it first
  const foreign =
    unread === undefined
      ? await foreignFilesIn(store, published).catch((error) => warn(error, store, log))
      : undefined;
  if (foreign !== undefined && foreign.length > 0) {
    const why = 'Clients would take them for databases of this mirror, but its manifest does not name them';
    if (isDry || store.setAside === undefined) {
      const advice = isDry ? '' : '. Remove them if they are yours';
      log.warn(`foreign files in ${store.where}: ${listed(foreign)}. ${why}${advice}`);
    } else {
      const where = await store.setAside(foreign, tag).catch((error) => warn(error, store, log));
      if (where !== undefined)
        log.warn(`set aside ${listed(foreign)} from ${store.where} to ${where}. ${why}`);
    }
  }
  if (isDry) return;
  const names = [...Object.keys(manifest.files), ...Object.keys(manifest.extras?.files ?? {}), ...PAGES];
  const opened = await store.openToReaders?.(names).catch((error) => warn(error, store, log));
  if (opened !== undefined && opened > 0)
    log.info(`made ${counted(opened, 'published file')} readable for other users, such as a web server`);
}

/** Names of the first few files, and the number of the others. */
export function listed(names: readonly string[]): string {
  const shown = names.slice(0, NAMES_SHOWN).join(', ');
  return names.length > NAMES_SHOWN ? `${shown} and ${names.length - NAMES_SHOWN} more` : shown;
}

function warn(error: unknown, { where }: Store, log: Log): undefined {
  if (codeOf(error) === undefined) throw error;
  log.warn(`cannot clean up ${where}: ${explain(error)}`);
}
