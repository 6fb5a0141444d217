import { ALLOWED_FILES, ALLOWED_SIGNATURES } from '../cvd/extra-names.ts';
import { DATABASE_NAME } from '../cvd/names.ts';
import { ConfError, type ConfOption, proxyOptions } from '../files/clamav-conf.ts';
import { USUAL_DATABASES } from '../upstream/official.ts';

/** Mirrors of a client, and how it asks them for versions. */
export interface MirrorLines {
  /** Mirrors in the order in which freshclam tries them, perhaps with a user and password, both percent-encoded. */
  readonly mirrors: readonly string[];
  /** `PrivateMirror`: whole CVDs and no DNS; default: `DatabaseMirror`. */
  readonly isPrivate?: boolean;
  /** Databases of the mirror; `undefined`: unknown, so that clients ask for those that ClamAV asks for. */
  readonly databases: readonly string[] | undefined;
  /** Extras, by name, and the mirror among them that has these; default: none. */
  readonly extras?: { readonly mirror: string; readonly names: readonly string[] } | undefined;
  /** TXT record of the mirror; `undefined`: freshclam asks the mirror itself for versions. */
  readonly record: string | undefined;
}

/** Content of a client's `freshclam.conf`. ClamAV 0.103 and later understand all of it but `fips`. */
export interface FreshclamConf extends MirrorLines {
  readonly proxy: URL | undefined;
  /** Attempts, 5 seconds apart. */
  readonly attempts: number;
  /** The user that freshclam becomes if it is root; `undefined`: there is none, as on Windows. */
  readonly owner: string | undefined;
  /** FIPS limits: MD5 and SHA-1 do not count, so a CVD needs its `.sign`. ClamAV before 1.5 refuses such a conf. */
  readonly fips?: boolean;
  /** Folder of the databases; `undefined`: an argument names it. */
  readonly folder?: string;
  /** Checks each day, for a freshclam that keeps running. */
  readonly checks?: number;
  /** Path of the `clamd.conf` of the clamd to tell about new databases. */
  readonly notify?: string;
}

/** Seconds without a byte after which freshclam gives a download up. */
const RECEIVE_SECONDS = 600;

/**
 * Record that does not exist (RFC 6761 §6.4), so that freshclam asks the mirror. `DNSDatabaseInfo no` would ask for the record
 * of Norway. Without the line, a client obeys ClamAV's own record, whatever its mirror has (clamav-formats.md §6).
 */
const NO_RECORD = 'no-record.invalid';

/** Makes the options of a `freshclam.conf`. Throws `conf/impossible` for a database without a proper name. */
export function freshclamConf(conf: FreshclamConf): readonly ConfOption[] {
  const { proxy, attempts, owner, fips = false, folder, checks, notify } = conf;
  return [
    ...mirrorLines(conf),
    ...(folder === undefined ? [] : [['DatabaseDirectory', folder] as const]),
    ...(owner === undefined ? [] : [['DatabaseOwner', owner] as const]),
    ...(checks === undefined ? [] : [['Checks', checks] as const]),
    ...(notify === undefined ? [] : [['NotifyClamd', notify] as const]),
    ['TestDatabases', true],
    ...(fips ? [['FIPSCryptoHashLimits', true] as const] : []),
    ['MaxAttempts', attempts],
    ['ConnectTimeout', 30],
    ['ReceiveTimeout', RECEIVE_SECONDS],
    ...(proxy === undefined ? [] : proxyOptions(proxy)),
  ];
}

/** Makes the options that lead a client to its mirrors. Throws `conf/impossible` for a database without a proper name. */
export function mirrorLines(lines: MirrorLines): readonly ConfOption[] {
  const { mirrors, isPrivate = false, databases = USUAL_DATABASES, extras, record } = lines;
  const strange = databases.find((name) => !DATABASE_NAME.test(name));
  if (strange !== undefined) {
    const shown = JSON.stringify(strange.slice(0, 40));
    throw new ConfError('conf/impossible', `freshclam.conf cannot name a database ${shown}`, {
      advice: 'Name databases such as daily',
    });
  }
  return [
    ...mirrors.map((url) => [isPrivate ? 'PrivateMirror' : 'DatabaseMirror', url] as const),
    ...(isPrivate
      ? []
      : [['DNSDatabaseInfo', record ?? NO_RECORD] as const, ['ScriptedUpdates', true] as const]),
    ...USUAL_DATABASES.filter((name) => !databases.includes(name)).map(
      (name) => ['ExcludeDatabase', name] as const,
    ),
    ...databases
      .filter((name) => !USUAL_DATABASES.includes(name))
      .map((name) => ['ExtraDatabase', name] as const),
    ...allowListFirst(extras?.names ?? []).map(
      (name) => ['DatabaseCustomURL', `${extras?.mirror}/${name}`] as const,
    ),
  ];
}

/** Orders extras so that the allow list comes first: freshclam gives up all URLs behind one that fails. */
export function allowListFirst(names: readonly string[]): readonly string[] {
  const isFirst = (name: string) => name === ALLOWED_SIGNATURES || name === ALLOWED_FILES;
  return [...names.filter(isFirst), ...names.filter((name) => !isFirst(name))];
}
