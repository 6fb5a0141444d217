import { codeOf, explain } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import type { Store } from '../../store/store.ts';
import { MANIFEST } from '../../store/store.ts';
import { DNS_TXT, PROOF_JSON, PROOF_TXT, TIMESTAMP } from '../pages.ts';
import type { Published } from '../published.ts';
import { foreignFilesIn } from './foreign-files.ts';

const PAGES = [MANIFEST, DNS_TXT, PROOF_JSON, PROOF_TXT, TIMESTAMP];
/** Names in one warning. */
const NAMES_SHOWN = 5;

/**
 * Sees to it that clients get what the manifest names, and nothing else: in a folder, files that they would take for
 * databases are set aside, where nothing is lost, and files of ours that others cannot read are opened to them. In a
 * bucket nothing that is not ours is touched. Says what it does; if that fails, it says so, and the run goes on.
 */
export async function moveForeign(
  store: Store,
  published: Pick<Published, 'manifest' | 'listing' | 'tag' | 'unread'>,
  { log, isDry }: { readonly log: Log; readonly isDry: boolean },
): Promise<void> {
  const { manifest, tag, unread } = published;
  if (manifest === undefined) return;
  // what cannot be understood of a manifest may name them: a cycle mends it first
  const foreign =
    unread === undefined
      ? await foreignFilesIn(store, published).catch((error) => said(error, store, log))
      : undefined;
  if (foreign !== undefined && foreign.length > 0) {
    const what = `${listed(foreign)} in ${store.where}, which clients would take for databases of this mirror, and which its manifest does not name`;
    if (isDry || store.setAside === undefined) {
      log.warn(
        `there ${foreign.length === 1 ? 'is' : 'are'} ${what}${isDry ? '' : '; remove what is yours'}`,
      );
    } else {
      const where = await store.setAside(foreign, tag).catch((error) => said(error, store, log));
      if (where !== undefined) log.warn(`set aside ${what}; now in ${where}`);
    }
  }
  if (isDry) return;
  const names = [...Object.keys(manifest.files), ...PAGES];
  const opened = await store.openToReaders?.(names).catch((error) => said(error, store, log));
  if (opened !== undefined && opened > 0)
    log.info(`opened ${opened} published files to other users, such as a web server's`);
}

/** Names of files, as many as one can take in. */
export function listed(names: readonly string[]): string {
  const shown = names.slice(0, NAMES_SHOWN).join(', ');
  return names.length > NAMES_SHOWN ? `${shown} and ${names.length - NAMES_SHOWN} more` : shown;
}

function said(error: unknown, { where }: Store, log: Log): undefined {
  if (codeOf(error) === undefined) throw error;
  log.warn(`${where} cannot be tidied up: ${explain(error)}`);
}
