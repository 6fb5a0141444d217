import { isClamavsOwn } from '../upstream/official.ts';
import { SettingError } from './read.ts';

/** Databases that clients' programs still know and ClamAV's servers answer with 403, which stops everything for a day. */
const GIVEN_UP = new Map([['safebrowsing', 2019]]);

/** Whether asking this upstream for a database does nothing but harm. */
export function isGivenUp(upstream: string, database: string): boolean {
  return GIVEN_UP.has(database) && isClamavsOwn(upstream);
}

/** Throws `setting/invalid`. Another upstream may have kept what ClamAV gave up. */
export function requireKept(upstream: string, databases: readonly string[] = []): void {
  const database = databases.find((name) => isGivenUp(upstream, name));
  if (database === undefined) return;
  throw new SettingError(
    'setting/invalid',
    `databases names ${database}: ClamAV gave it up in ${GIVEN_UP.get(database)}, and its servers answer 403, after which they are left alone for a day`,
    { advice: 'Leave it out, or name an --upstream that still has it' },
  );
}
