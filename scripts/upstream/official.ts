/** Databases that clients' programs still know and ClamAV's servers answer with 403, which stops everything for a day. */
const GIVEN_UP = new Map([['safebrowsing', 2019]]);

/** Where ClamAV publishes. */
export const OFFICIAL_UPSTREAM = 'https://database.clamav.net';
/** The TXT record in which Talos advertises versions (clamav-formats.md §6). */
export const OFFICIAL_RECORD = 'current.cvd.clamav.net';
/** The databases that ClamAV's own servers have, and that freshclam takes by itself. */
export const USUAL_DATABASES: readonly string[] = ['main', 'daily', 'bytecode'];

/** The TXT record to ask if nobody names one: ClamAV's own tells of ClamAV's own upstream only. */
export function usualRecord(upstream: string): string {
  return isClamavsOwn(upstream) ? OFFICIAL_RECORD : 'off';
}

/** True if this is an upstream of ClamAV's own. Nobody else's 403 means that we are blocked (clamav-formats.md §7). */
export function isClamavsOwn(url: string): boolean {
  return /(^|\.)clamav\.net$/.test(URL.parse(url)?.hostname.replace(/\.$/, '') ?? '');
}

/** The year in which ClamAV gave a database up, if this is an upstream of its own; `undefined`: it did not. */
export function givenUpIn(upstream: string, database: string): number | undefined {
  return isClamavsOwn(upstream) ? GIVEN_UP.get(database) : undefined;
}
