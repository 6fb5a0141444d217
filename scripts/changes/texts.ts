import { codeOf } from '../base/errors.ts';
import type { Store } from '../store/store.ts';

/** Reads a text of at most `limit` bytes by its name in a mirror; `undefined` if there is none, or a longer one. */
export type ReadText = (name: string, limit: number) => Promise<string | undefined>;

/** Texts of a store. */
export function textsOf(store: Pick<Store, 'readStart'>): ReadText {
  return async (name, limit) => {
    try {
      const bytes = await store.readStart(name, limit + 1);
      return bytes.length > limit ? undefined : bytes.toString('utf8');
    } catch (error) {
      if (codeOf(error) === 'store/missing') return undefined;
      throw error;
    }
  };
}
