import { randomUUID } from 'node:crypto';
import * as v from 'valibot';
import { NAME_CHARACTERS } from '../../../base/limits/databases.ts';
import { userAgentOf } from '../../../base/version.ts';
import type { Proxies } from '../../../http/proxies.ts';
import type { StoreSettings } from '../../../store/settings.ts';
import { DatabaseName, Switch, wholeNumber } from '../../fields.ts';
import { networkFrom } from '../../network.ts';
import { type Option, pick } from '../../option.ts';
import { type Given, together, validated } from '../../read.ts';
import { TIMEOUT_OPTION, URL_ARGUMENT } from '../probe.ts';
import { STORE_OPTIONS, storeSettings } from '../store.ts';
import { SYNC_OPTIONS } from '../sync.ts';

/** Where a mirror is read: its store, or its URL. */
const WHERE = [
  ...STORE_OPTIONS,
  ...pick(SYNC_OPTIONS, ['user-agent', 'allow-private-redirects']),
  { ...TIMEOUT_OPTION, fallback: '5' },
] as const satisfies readonly Option[];

const DATABASE = {
  name: 'database',
  value: '<name>',
  help: 'only this database',
  usually: 'all',
  example: 'daily',
  schema: DatabaseName,
} as const satisfies Option;

const VERSION = wholeNumber(1, 999_999_999);

export const CHANGES_OPTIONS = [
  DATABASE,
  {
    name: 'from',
    value: '<version>',
    help: 'name what changed after this version',
    example: '28100',
    schema: VERSION,
  },
  {
    name: 'to',
    value: '<version>',
    help: 'and up to this version',
    usually: 'the last one',
    example: '28101',
    schema: VERSION,
  },
  {
    name: 'grep',
    value: '<text>',
    help: 'name the signatures that have this text in their names, in capitals or not',
    example: 'emotet',
    schema: v.pipe(v.string(), v.minLength(1, 'is empty'), v.maxLength(NAME_CHARACTERS)),
  },
  ...WHERE,
] as const satisfies readonly Option[];

export const WHEN_OPTIONS = [
  DATABASE,
  {
    name: 'search',
    help: 'look through the served databases of a store too; of a bucket each is downloaded',
    schema: Switch,
  },
  ...WHERE,
] as const satisfies readonly Option[];

/** A mirror to read lists of changes from. */
export type MirrorPlace =
  | { readonly kind: 'store'; readonly settings: StoreSettings }
  | {
      readonly kind: 'url';
      /** May hold a user and a password. */
      readonly url: string;
      readonly userAgent: string;
      readonly proxies: Proxies;
      /** Milliseconds. */
      readonly timeout: number;
    };

export interface ChangesSettings {
  readonly place: MirrorPlace;
  readonly database: string | undefined;
  readonly from: number | undefined;
  readonly to: number | undefined;
  readonly grep: string | undefined;
}

/** Throws `setting/invalid`. */
export function changesSettings(url: string | undefined, given: Given): ChangesSettings {
  const { place, own } = together({
    place: () => placeFrom(url, given),
    own: () => validated(CHANGES_OPTIONS, given),
  });
  const { database, from, to, grep } = own;
  return { place, database, from, to, grep };
}

export interface WhenSettings {
  readonly place: MirrorPlace;
  readonly database: string | undefined;
  readonly search: boolean;
}

/** Throws `setting/invalid`. */
export function whenSettings(url: string | undefined, given: Given): WhenSettings {
  const { place, own } = together({
    place: () => placeFrom(url, given),
    own: () => validated(WHEN_OPTIONS, given),
  });
  return { place, database: own.database, search: own.search };
}

function placeFrom(url: string | undefined, given: Given): MirrorPlace {
  if (url === undefined) return { kind: 'store', settings: storeSettings(given) };
  const settings = validated([URL_ARGUMENT, ...WHERE] as const, { ...given, flags: { ...given.flags, url } });
  return {
    kind: 'url',
    url: settings.url,
    userAgent: settings['user-agent'] ?? userAgentOf(randomUUID()),
    proxies: networkFrom(given, settings['allow-private-redirects']),
    timeout: settings.timeout,
  };
}
