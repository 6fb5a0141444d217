import { codeOf } from '../base/errors.ts';
import { HISTORY_BYTES } from '../base/limits/page.ts';
import { HISTORY_JSON } from '../mirror/pages.ts';
import { parseHistory } from '../page/history.ts';
import type { Store } from '../store/store.ts';
import type { Publication } from './tally/versions.ts';

/** When a store published which version, as far as its history goes back. A store without one says nothing. */
export async function publishedIn(
  store: Pick<Store, 'readStart'>,
  now: Date,
): Promise<ReadonlyMap<string, readonly Publication[]>> {
  const bytes = await store.readStart(HISTORY_JSON, HISTORY_BYTES + 1).catch((error) => {
    if (codeOf(error) === 'store/missing') return undefined;
    throw error;
  });
  const { changes, obtained } = parseHistory(bytes?.toString('utf8'), now);
  const all = [
    ...Object.entries(obtained).map(([database, { version, at }]) => ({ database, version, at })),
    ...changes.map(({ database, to, at }) => ({ database, version: to, at })),
  ];
  const byDatabase = Map.groupBy(all, ({ database }) => database);
  return new Map(
    [...byDatabase].map(([database, ones]) => [
      database,
      ones.map(({ version, at }) => ({ version, seconds: Math.floor(Date.parse(at) / 1000) })),
    ]),
  );
}
