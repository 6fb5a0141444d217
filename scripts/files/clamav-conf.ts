import { randomUUID } from 'node:crypto';
import { rename, rm, writeFile } from 'node:fs/promises';
import { MirrorError } from '../base/errors.ts';
import { CONF_LINE_BYTES } from '../base/limits/machine.ts';

export class ConfError extends MirrorError<'conf/impossible'> {}

/** What we set in a configuration of ClamAV's: nothing among it runs a program. */
export type ConfName =
  | 'ConnectTimeout'
  | 'DNSDatabaseInfo'
  | 'DatabaseCustomURL'
  | 'DatabaseDirectory'
  | 'DatabaseMirror'
  | 'DatabaseOwner'
  | 'EnableShutdownCommand'
  | 'ExcludeDatabase'
  | 'ExtraDatabase'
  | 'FIPSCryptoHashLimits'
  | 'Foreground'
  | 'HTTPProxyPassword'
  | 'HTTPProxyPort'
  | 'HTTPProxyServer'
  | 'HTTPProxyUsername'
  | 'LocalSocket'
  | 'LocalSocketMode'
  | 'LogTime'
  | 'MaxAttempts'
  | 'MaxThreads'
  | 'PrivateMirror'
  | 'ReceiveTimeout'
  | 'ScriptedUpdates'
  | 'TCPAddr'
  | 'TCPSocket'
  | 'TestDatabases';

/** `true` is `yes`. */
export type ConfOption = readonly [name: ConfName, value: string | number | boolean];

/**
 * The text of a configuration, each option in one line that ClamAV reads back as it was given. The one place where any
 * is made, for what stands in it may come from a mirror. Throws `conf/impossible` for what it cannot express.
 */
export function confText(options: readonly ConfOption[]): string {
  return options.map(([name, value]) => `${lineOf(name, plain(value))}\n`).join('');
}

/** Writes one for its owner's eyes only: it may hold passwords. All of it is judged before anything is written. */
export async function writeConf(path: string, options: readonly ConfOption[]): Promise<void> {
  await placeConf(path, confText(options));
}

/** Puts a text of `confText` in its place. */
export async function placeConf(path: string, text: string): Promise<void> {
  const temporary = `${path}.${randomUUID()}`;
  try {
    await writeFile(temporary, text, { mode: 0o600, flag: 'wx' });
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

function plain(value: string | number | boolean): string {
  return typeof value === 'boolean' ? (value ? 'yes' : 'no') : String(value);
}

function lineOf(name: ConfName, value: string): string {
  // ClamAV cuts off blanks at both ends, but not between quotes
  const line = `${name} ${/[ \t]/.test(value) ? `"${value}"` : value}`;
  if (value === '') throw impossible(name, 'it is empty');
  if (/[\p{Cc}\p{Zl}\p{Zp}"]/u.test(value)) throw impossible(name, 'a quote or control character is in it');
  if (!value.isWellFormed()) throw impossible(name, 'it is no text');
  if (Buffer.byteLength(line) > CONF_LINE_BYTES)
    throw impossible(name, `it has more than ${CONF_LINE_BYTES} bytes`);
  return line;
}

function impossible(name: ConfName, why: string): ConfError {
  return new ConfError(
    'conf/impossible',
    `a configuration of ClamAV cannot hold ${name} as it was given: ${why}`,
    {
      advice: 'Use a shorter name, without quotes and control characters',
    },
  );
}

/** The options that lead through a proxy. */
export function proxyOptions({ protocol, hostname, port, username, password }: URL): ConfOption[] {
  return [
    ['HTTPProxyServer', `${protocol}//${hostname}`],
    ['HTTPProxyPort', port || (protocol === 'https:' ? '443' : '80')],
    ...(username === '' ? [] : [['HTTPProxyUsername', decodeURIComponent(username)] as const]),
    ...(password === '' ? [] : [['HTTPProxyPassword', decodeURIComponent(password)] as const]),
  ];
}
