import { resolve } from 'node:path';
import * as v from 'valibot';
import { isS3Address } from '../../store/s3/address.ts';
import type { StoreSettings } from '../../store/settings.ts';
import { SyncSchema, wholeNumber } from '../fields.ts';
import { STATUS_OPTIONS, STORE_OPTIONS, SYNC_OPTIONS } from '../option.ts';
import { type Given, together, validated, variableOf } from '../read.ts';
import { storeSettings, workFolderOf } from './sync.ts';

export interface StatusSettings extends StoreSettings {
  /** The work folder of the runs that publish there. */
  readonly work: string;
  /** Milliseconds. */
  readonly maxAge: number;
  /** What other commands need to get to the same store, by option name, where it is not what holds without a word. */
  readonly flags: Readonly<Record<string, string>>;
  /** What `sync` does here without a word. */
  readonly usual: { readonly upstream: string; readonly databases: string };
}

const StatusSchema = v.object({
  work: SyncSchema.entries.work,
  'max-age': wholeNumber(1, 8760),
});

const HOUR = 3_600_000;

/** Throws `setting/invalid`. */
export function statusSettings(from: Given): StatusSettings {
  const { where, settings } = together({
    where: () => storeSettings(from),
    settings: () => validated(StatusSchema, STATUS_OPTIONS, from),
  });
  const usualWork = workFolderOf(where.store);
  const { work = usualWork } = settings;
  const { store: _, ...s3 } = givenOf(
    STORE_OPTIONS.map(({ name }) => name),
    from,
  );
  return {
    ...where,
    work,
    maxAge: settings['max-age'] * HOUR,
    flags: {
      ...(where.store !== resolve('mirror') && { store: where.store }),
      ...(isS3Address(where.store) && s3),
      ...(work !== usualWork && { work }),
    },
    usual: { upstream: usualOf('upstream', from), databases: usualOf('databases', from) },
  };
}

/** What was said of these options, as it was said. */
function givenOf(names: readonly string[], { flags, environment }: Given): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = flags[name] ?? environment[variableOf(name)];
      return value ? [[name, value]] : [];
    }),
  );
}

function usualOf(name: string, { environment }: Given): string {
  const { fallback = '' } = SYNC_OPTIONS.find((option) => option.name === name) ?? {};
  return environment[variableOf(name)] || fallback;
}
