/** Years of retired databases. Programs still ask for them, and ClamAV's 403 stops all their updates for a day. */
const GIVEN_UP = new Map([['safebrowsing', 2019]]);

/** URL of ClamAV's own servers. */
export const OFFICIAL_UPSTREAM = 'https://database.clamav.net';
/** TXT record in which Talos advertises versions (clamav-formats.md §6). */
export const OFFICIAL_RECORD = 'current.cvd.clamav.net';
/** Databases of ClamAV's own servers that freshclam takes by default. */
export const USUAL_DATABASES: readonly string[] = ['main', 'daily', 'bytecode'];

/**
 * Default TXT record of a mirror with these upstreams. ClamAV's record is about ClamAV's own upstream only: where another
 * one is asked first, it would send every cycle on to the next until that one has caught up.
 */
export function usualRecord([first = '']: readonly string[]): string {
  return isClamavsOwn(first) ? OFFICIAL_RECORD : 'off';
}

/** True for an upstream of ClamAV's own, the only one whose 403 means that we are blocked (clamav-formats.md §7). */
export function isClamavsOwn(url: string): boolean {
  return /(^|\.)clamav\.net$/.test(URL.parse(url)?.hostname.replace(/\.$/, '') ?? '');
}

/** Year in which ClamAV retired a database, for an upstream of its own; `undefined`: it did not. */
export function givenUpIn(upstream: string, database: string): number | undefined {
  return isClamavsOwn(upstream) ? GIVEN_UP.get(database) : undefined;
}
