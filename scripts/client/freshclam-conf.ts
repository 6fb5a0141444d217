import { DATABASE_NAME } from '../cvd/names.ts';
import { ConfError, type ConfOption, proxyOptions } from '../files/clamav-conf.ts';
import { USUAL_DATABASES } from '../upstream/official.ts';

/** Content of a client's `freshclam.conf`. ClamAV 0.103 and later understand all of it but `fips`. */
export interface FreshclamConf {
  /** The mirror, perhaps with a user and password, both percent-encoded. */
  readonly url: string;
  readonly databases: readonly string[];
  /** TXT record of the mirror; `undefined`: freshclam asks the mirror itself for versions. */
  readonly record: string | undefined;
  readonly proxy: URL | undefined;
  /** Attempts, 5 seconds apart. */
  readonly attempts: number;
  /** The user that freshclam becomes if it is root. */
  readonly owner: string;
  /** FIPS limits: MD5 and SHA-1 do not count, so a CVD needs its `.sign`. ClamAV before 1.5 refuses such a conf. */
  readonly fips?: boolean;
  /** Folder of the databases; `undefined`: an argument names it. */
  readonly folder?: string;
}

/**
 * Record that does not exist (RFC 6761 §6.4), so that freshclam asks the mirror. `DNSDatabaseInfo no` would ask for the record
 * of Norway. Without the line, a client obeys ClamAV's own record, whatever its mirror has (clamav-formats.md §6).
 */
const NO_RECORD = 'no-record.invalid';

/** Makes the options of a `freshclam.conf`. Throws `conf/impossible` for a database without a proper name. */
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
