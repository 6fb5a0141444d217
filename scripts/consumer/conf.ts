import { randomUUID } from 'node:crypto';
import { rename, rm, writeFile } from 'node:fs/promises';
import { MirrorError } from '../errors.ts';

export class ConfError extends MirrorError<'conf/impossible'> {}

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

/** What freshclam takes by itself. */
export const USUAL_DATABASES: readonly string[] = ['main', 'daily', 'bytecode'];
/**
 * `DNSDatabaseInfo no` asks for the record of Norway, and without the line a client obeys ClamAV's own record, whatever
 * its mirror has (clamav-formats.md §6). This name exists nowhere (RFC 6761 §6.4), so that freshclam asks the mirror.
 */
const NO_RECORD = 'no-record.invalid';

/** The text of a `freshclam.conf`. Throws `conf/impossible` for what it cannot express. */
export function freshclamConf(conf: FreshclamConf): string {
  const { url, databases, record, proxy, attempts, owner, fips = false, folder } = conf;
  const lines = [
    `DatabaseMirror ${url}`,
    ...(folder === undefined ? [] : [`DatabaseDirectory "${folder}"`]),
    `DatabaseOwner ${owner}`,
    `DNSDatabaseInfo ${record ?? NO_RECORD}`,
    ...USUAL_DATABASES.filter((name) => !databases.includes(name)).map((name) => `ExcludeDatabase ${name}`),
    ...databases.filter((name) => !USUAL_DATABASES.includes(name)).map((name) => `ExtraDatabase ${name}`),
    'ScriptedUpdates yes',
    'TestDatabases yes',
    ...(fips ? ['FIPSCryptoHashLimits yes'] : []),
    `MaxAttempts ${attempts}`,
    'ConnectTimeout 30',
    'ReceiveTimeout 600',
    ...(proxy === undefined ? [] : proxyLines(proxy)),
  ];
  // A line more would be an option more: OnUpdateExecute runs programs.
  const unsafe = lines.find((line) => /\p{Cc}/u.test(line) || /".*".*"/.test(line));
  if (unsafe !== undefined) {
    throw new ConfError(
      'conf/impossible',
      `freshclam.conf cannot hold ${JSON.stringify(unsafe.split(' ')[0])} as it was given`,
      {
        advice: 'Use a name without quotes and control characters',
      },
    );
  }
  return `${lines.join('\n')}\n`;
}

/** The lines of a `freshclam.conf` that lead through a proxy. */
export function proxyLines({ protocol, hostname, port, username, password }: URL): string[] {
  return [
    `HTTPProxyServer ${protocol}//${hostname}`,
    `HTTPProxyPort ${port || (protocol === 'https:' ? '443' : '80')}`,
    ...(username === '' ? [] : [`HTTPProxyUsername ${decodeURIComponent(username)}`]),
    ...(password === '' ? [] : [`HTTPProxyPassword ${decodeURIComponent(password)}`]),
  ];
}

/** Writes it for its owner's eyes only: it may hold passwords. */
export async function writeConf(path: string, conf: FreshclamConf): Promise<void> {
  const text = freshclamConf(conf);
  const temporary = `${path}.${randomUUID()}`;
  try {
    await writeFile(temporary, text, { mode: 0o600, flag: 'wx' });
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
