import type { FormatName } from './logs/formats/formats.ts';
import type { Publication } from './tally/versions.ts';

/** Forms in which a report shows addresses. */
export const ADDRESS_FORMS = ['cut', 'hash', 'full'] as const;
export type AddressForm = (typeof ADDRESS_FORMS)[number];

/** Everything that statistics need to know, validated. It crosses to a thread. */
export interface StatsSettings {
  /** Paths of logs, `-` for stdin. */
  readonly files: readonly string[];
  readonly format: FormatName | 'auto';
  readonly addresses: AddressForm;
  /** Epoch seconds from which requests count; `undefined`: all do. */
  readonly since: number | undefined;
  /** Addresses and networks (`192.0.2.0/24`) of monitors. */
  readonly monitors: readonly string[];
}

/** The same with what a store says of its versions, by database. */
export interface StatsTask extends StatsSettings {
  readonly published: ReadonlyMap<string, readonly Publication[]>;
}
