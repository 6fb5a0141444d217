import { codeOf } from '../base/errors.ts';
import { HISTORY_BYTES } from '../base/limits/page.ts';
import { HISTORY_JSON } from '../mirror/pages.ts';
import type { Store } from '../store/store.ts';
import { type History, parseHistory } from './history.ts';

/** Reads the history in a store; one that is not there is empty. Throws if the store cannot be read. */
export async function readHistory(
  store: Pick<Store, 'readStart'>,
  listing: ReadonlyMap<string, number>,
  now: Date,
): Promise<History> {
  return parseHistory(await historyText(store, listing), now);
}

async function historyText(
  store: Pick<Store, 'readStart'>,
  listing: ReadonlyMap<string, number>,
): Promise<string | undefined> {
  if (!listing.has(HISTORY_JSON)) return undefined;
  try {
    return (await store.readStart(HISTORY_JSON, HISTORY_BYTES + 1)).toString('utf8');
  } catch (error) {
    if (codeOf(error) === 'store/missing') return undefined; // replaced this very moment
    throw error;
  }
}
