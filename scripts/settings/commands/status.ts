import { resolve } from 'node:path';
import { isS3Address } from '../../store/s3/address.ts';
import type { StoreSettings } from '../../store/settings.ts';
import { hours } from '../fields.ts';
import { type Option, pick } from '../option.ts';
import { type Given, textOf, together, validated } from '../read.ts';
import { STORE_OPTIONS, storeSettings, workFolderOf } from './store.ts';
import { SYNC_OPTIONS } from './sync.ts';

export interface StatusSettings extends StoreSettings {
  /** The work folder of the runs that publish there. */
  readonly work: string;
  /** Milliseconds. */
  readonly maxAge: number;
  /** Flags by which other commands get to the same store, by option name, without those that have their fallback. */
  readonly flags: Readonly<Record<string, string>>;
  /** Settings of a `sync` without flags. */
  readonly usual: { readonly upstream: string; readonly databases: string };
}

const OWN = [
  ...pick(SYNC_OPTIONS, ['work']),
  {
    name: 'max-age',
    value: '<hours>',
    help: 'hours without a successful check of upstream after which the mirror counts as stale',
    fallback: '48',
    schema: hours(1, 8760),
  },
] as const satisfies readonly Option[];

export const STATUS_OPTIONS = [...STORE_OPTIONS, ...OWN] as const;

/** Throws `setting/invalid`. */
export function statusSettings(from: Given): StatusSettings {
  const { where, settings } = together({
    where: () => storeSettings(from),
    settings: () => validated(OWN, from),
  });
  const usualWork = workFolderOf(where.store);
  const { work = usualWork } = settings;
  const { store: _, ...s3 } = givenOf(
    STORE_OPTIONS.filter((option: Option) => option.secret !== true).map(({ name }) => name),
    from,
  );
  return {
    ...where,
    work,
    maxAge: settings['max-age'],
    flags: {
      ...givenOf(['config'], { ...from, environment: {} }),
      ...(where.store !== resolve('mirror') && { store: where.store }),
      ...(isS3Address(where.store) && s3),
      ...(work !== usualWork && { work }),
    },
    usual: { upstream: usualOf('upstream', from), databases: usualOf('databases', from) },
  };
}

/** Values of these options as they were given. */
function givenOf(names: readonly string[], from: Given): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = textOf(name, from);
      return value ? [[name, value]] : [];
    }),
  );
}

function usualOf(name: 'upstream' | 'databases', from: Given): string {
  const [{ fallback } = { fallback: '' }] = pick(SYNC_OPTIONS, [name]);
  return textOf(name, { ...from, flags: {} }) ?? fallback;
}
