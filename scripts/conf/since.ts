import type { ConfName } from '../files/clamav-conf.ts';

/** Feature releases of ClamAV that clients run, oldest first. The tests run the first of them, too. */
export const RELEASES = ['0.103', '1.0', '1.4', '1.5'] as const;
export type Release = (typeof RELEASES)[number];

/** First release that understands an option. An earlier one ends with an error at its line. All others are as old as 0.103. */
const SINCE: Readonly<Partial<Record<ConfName, Release>>> = { FIPSCryptoHashLimits: '1.5' };

/** First release that understands an option. */
export function sinceOf(name: ConfName): Release {
  return SINCE[name] ?? RELEASES[0];
}

/** True if every client understands an option, when `oldest` is the oldest release among them. */
export function isKnownTo(oldest: Release, name: ConfName): boolean {
  return RELEASES.indexOf(sinceOf(name)) <= RELEASES.indexOf(oldest);
}
