import * as v from 'valibot';
import { FORMATS, type FormatName } from '../../stats/logs/formats/formats.ts';
import { STDIN } from '../../stats/logs/lines.ts';
import { ADDRESS_FORMS, type StatsSettings } from '../../stats/settings.ts';
import { isNetwork } from '../../stats/tally/monitors.ts';
import type { StoreSettings } from '../../store/settings.ts';
import { FilePath, list, wholeNumber } from '../fields.ts';
import type { Option } from '../option.ts';
import { type Given, SettingError, textOf, together, validated } from '../read.ts';
import { STORE_OPTIONS, storeSettings } from './store.ts';

const FORMAT_NAMES = ['auto', ...(Object.keys(FORMATS) as FormatName[])] as const;
const [STORE] = STORE_OPTIONS;

const OWN = [
  {
    name: 'format',
    value: '<name>',
    help: `format of the logs: ${FORMAT_NAMES.join(', ')}`,
    fallback: 'auto',
    schema: v.picklist(FORMAT_NAMES, `takes one of ${FORMAT_NAMES.join(', ')}`),
  },
  {
    name: 'addresses',
    value: '<form>',
    help: `how to show addresses: ${ADDRESS_FORMS.join(', ')}; cut shows the /24 or /48, hash a name that holds for one report`,
    fallback: 'cut',
    schema: v.picklist(ADDRESS_FORMS, `takes one of ${ADDRESS_FORMS.join(', ')}`),
  },
  {
    name: 'days',
    value: '<count>',
    help: 'count only requests of so many days before now',
    usually: 'all',
    schema: wholeNumber(1, 400),
  },
  {
    name: 'from',
    value: '<time>',
    help: 'count only requests since this date or time, such as 2026-11-21',
    usually: 'all',
    schema: v.pipe(
      v.string(),
      v.check(
        (text) => /^\d{4}-\d\d-\d\d/.test(text) && !Number.isNaN(Date.parse(text)),
        'is not a date such as 2026-11-21, nor a time such as 2026-11-21T06:00Z',
      ),
    ),
  },
  {
    name: 'monitors',
    value: '<addresses>',
    help: 'addresses and networks of monitors, separated by commas, whose requests are left out like those of our own probes',
    schema: list(v.pipe(v.string(), v.check(isNetwork, 'takes addresses and networks such as 192.0.2.0/24'))),
  },
  {
    name: 'page',
    value: '<folder>',
    help: 'folder to write index.html and stats.json to, such as local_stats in the store',
    schema: FilePath,
  },
] as const satisfies readonly Option[];

/** The store is asked only for its history, if it is given. */
const HISTORY_STORE = {
  name: STORE.name,
  value: STORE.value,
  help: 'store of the mirror, whose history says when each version was published',
  usually: 'the first answer with its CDIFF says when a version was there',
  schema: STORE.schema,
} as const satisfies Option;

export const STATS_OPTIONS = [
  ...OWN,
  HISTORY_STORE,
  ...STORE_OPTIONS.filter(({ name }) => name !== 'store'),
] as const;

export interface StatsCommandSettings extends StatsSettings {
  /** Store with a history; `undefined`: none is asked. */
  readonly history: StoreSettings | undefined;
  readonly page: string | undefined;
}

/** Throws `setting/invalid`. */
export function statsSettings(files: readonly string[], from: Given, now = new Date()): StatsCommandSettings {
  const { own, history } = together({
    own: () => validated(OWN, from),
    history: () => (textOf('store', from) === undefined ? undefined : storeSettings(from)),
  });
  const { format, addresses, days, from: first, monitors = [], page } = own;
  if (days !== undefined && first !== undefined)
    throw new SettingError('setting/invalid', '--days and --from exclude each other', {
      advice: 'Leave one of them out',
    });
  if (files.length > 1 && files.filter((file) => file === STDIN).length > 1)
    throw new SettingError('setting/invalid', `${STDIN} stands for stdin, which there is only one of`);
  const since =
    first !== undefined
      ? Date.parse(first) / 1000
      : days !== undefined
        ? now.getTime() / 1000 - days * 24 * 3600
        : undefined;
  return { files, format, addresses, since, monitors, history, page };
}
