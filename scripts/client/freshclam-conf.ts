import { DATABASE_NAME } from '../cvd/names.ts';
import { ConfError, type ConfOption, proxyOptions } from '../files/clamav-conf.ts';
import { USUAL_DATABASES } from '../upstream/official.ts';

/** What a client's `freshclam.conf` says; ClamAV 0.103 and all later versions understand it, but for `fips`. */
export interface FreshclamConf {
  /** The mirror, perhaps with a user and password, both percent-encoded. */
  readonly url: string;
  readonly databases: readonly string[];
  /** The TXT record of the mirror; `undefined`: the mirror itself is asked which versions there are. */
  readonly record: string | undefined;
  readonly proxy: URL | undefined;
  /** How often it tries a mirror, 5 seconds apart. */
  readonly attempts: number;
  /** The user that freshclam becomes if it is root. */
  readonly owner: string;
  /** Signatures with MD5 or SHA-1 do not count: a CVD needs its `.sign`. ClamAV before 1.5 refuses such a conf. */
  readonly fips?: boolean;
  /** Where its databases are; `undefined`: its arguments say it. */
  readonly folder?: string;
}

/**
 * `DNSDatabaseInfo no` asks for the record of Norway, and without the line a client obeys ClamAV's own record, whatever
 * its mirror has (clamav-formats.md §6). This name exists nowhere (RFC 6761 §6.4), so that freshclam asks the mirror.
 */
const NO_RECORD = 'no-record.invalid';

/** The options of a `freshclam.conf`. Throws `conf/impossible` for a database without a proper name. */
export function freshclamConf(conf: FreshclamConf): readonly ConfOption[] {
  const { url, databases, record, proxy, attempts, owner, fips = false, folder } = conf;
  const strange = databases.find((name) => !DATABASE_NAME.test(name));
  if (strange !== undefined) {
    const shown = JSON.stringify(strange.slice(0, 40));
    throw new ConfError('conf/impossible', `freshclam.conf cannot name a database ${shown}`, {
      advice: 'Name databases such as daily',
    });
  }
  return [
    ['DatabaseMirror', url],
    ...(folder === undefined ? [] : [['DatabaseDirectory', folder] as const]),
    ['DatabaseOwner', owner],
    ['DNSDatabaseInfo', record ?? NO_RECORD],
    ...USUAL_DATABASES.filter((name) => !databases.includes(name)).map(
      (name) => ['ExcludeDatabase', name] as const,
    ),
    ...databases
      .filter((name) => !USUAL_DATABASES.includes(name))
      .map((name) => ['ExtraDatabase', name] as const),
    ['ScriptedUpdates', true],
    ['TestDatabases', true],
    ...(fips ? [['FIPSCryptoHashLimits', true] as const] : []),
    ['MaxAttempts', attempts],
    ['ConnectTimeout', 30],
    ['ReceiveTimeout', 600],
    ...(proxy === undefined ? [] : proxyOptions(proxy)),
  ];
}
