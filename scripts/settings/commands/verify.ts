import type { StoreSettings } from '../../store/settings.ts';
import { pick } from '../option.ts';
import { type Given, together, validated } from '../read.ts';
import { STORE_OPTIONS, storeSettings } from './store.ts';
import { SYNC_OPTIONS } from './sync.ts';

const LIMITS = pick(SYNC_OPTIONS, ['max-size']);

/** For a bucket that is verified: its address is an argument. */
export const VERIFY_OPTIONS = [...STORE_OPTIONS.filter(({ name }) => name !== 'store'), ...LIMITS] as const;

/** A store to be verified: the one of the settings, or this one. Throws `setting/invalid`. */
export function verifySettings(from: Given, store = from.flags.store): StoreSettings {
  const { where, limits } = together({
    where: () => storeSettings({ ...from, flags: { ...from.flags, store } }),
    limits: () => validated(LIMITS, from),
  });
  return { store: where.store, s3: { ...where.s3, maxSize: limits['max-size'] } };
}
