import pLimit from 'p-limit';
import { explain } from '../base/errors.ts';
import { CHANGES_BYTES } from '../base/limits/page.ts';
import type { Log } from '../base/log.ts';
import { changesIndexName, changesName, changesOverviewName } from '../cvd/names.ts';
import type { Store } from '../store/store.ts';
import { encodeNameIndex, readNameIndex } from './name-index.ts';
import { encodeOverview, readOverview } from './overview.ts';
import { parseStep } from './record.ts';
import type { ReadText } from './texts.ts';

const LISTS_AT_ONCE = 8;

/**
 * Brings the lists of changes of a served mirror into a store that was restored from it. They decide nothing, so those
 * that cannot be had are left out, and the next cycle makes them again as far as it can.
 */
export async function restoreChanges(
  read: ReadText,
  store: Store,
  { databases, log }: { readonly databases: readonly string[]; readonly log: Pick<Log, 'info'> },
): Promise<void> {
  try {
    const tag = (await store.readManifest())?.tag;
    await using publication = await store.begin(tag);
    for (const database of databases) {
      const limit = pLimit(LISTS_AT_ONCE);
      const restoring = (await readOverview(read, database)).map((summary) =>
        limit(async () => {
          const { to, bytes } = summary;
          const text = await read(changesName(database, to), CHANGES_BYTES);
          if (text === undefined || Buffer.byteLength(text) !== bytes) return [];
          if (parseStep(text, database, to) === undefined) return [];
          await publication.write(changesName(database, to), text);
          return [summary];
        }),
      );
      const restored = (await Promise.all(restoring)).flat();
      if (restored.length === 0) continue;
      const index = await readNameIndex(read, database);
      await publication.write(changesIndexName(database), encodeNameIndex(database, index));
      await publication.write(changesOverviewName(database), encodeOverview(database, restored));
    }
    await publication.commit();
  } catch (error) {
    log.info(`the lists of changed signatures were not restored: ${explain(error)}`);
  }
}
