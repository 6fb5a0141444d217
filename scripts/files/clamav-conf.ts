import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MirrorError } from '../base/errors.ts';
import { CONF_LINE_BYTES } from '../base/limits/machine.ts';
import { trustedCertificates } from '../http/network.ts';
import { replaceFile } from './atomic.ts';

export class ConfError extends MirrorError<'conf/impossible'> {}

/** Options that we set in ClamAV's configurations. None of them runs a program. */
export type ConfName =
  | 'Checks'
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
  | 'FixStaleSocket'
  | 'Foreground'
  | 'HTTPProxyPassword'
  | 'HTTPProxyPort'
  | 'HTTPProxyServer'
  | 'HTTPProxyUsername'
  | 'LocalSocket'
  | 'LocalSocketGroup'
  | 'LocalSocketMode'
  | 'LogTime'
  | 'MaxAttempts'
  | 'MaxFileSize'
  | 'MaxScanSize'
  | 'MaxThreads'
  | 'NotifyClamd'
  | 'PrivateMirror'
  | 'ReceiveTimeout'
  | 'ScriptedUpdates'
  | 'SelfCheck'
  | 'StreamMaxLength'
  | 'TCPAddr'
  | 'TCPSocket'
  | 'TestDatabases'
  | 'User';

/** One option. `true` is written as `yes`. */
export type ConfOption = readonly [name: ConfName, value: string | number | boolean];

/** One line: an option, or a comment without its `#`. */
export type ConfLine = ConfOption | string;

/**
 * Makes the text of a configuration: one line for each option, which ClamAV reads back unchanged, and for each comment.
 * Values may come from a mirror, so every configuration is made here. Throws `conf/impossible` for what no line can hold.
 */
export function confText(lines: readonly ConfLine[]): string {
  return lines
    .map((line) => (typeof line === 'string' ? commentOf(line) : lineOf(line[0], plain(line[1]))))
    .map((text) => `${text}\n`)
    .join('');
}

/** Writes a configuration that only its owner can read: it may hold passwords. Checks all options before it writes. */
export async function writeConf(path: string, options: readonly ConfOption[]): Promise<void> {
  await placeConf(path, confText(options));
}

/** Writes a text of `confText` to its place, readable by its owner only, unless `rights` say otherwise, whatever the umask. */
export async function placeConf(path: string, text: string, rights = 0o600): Promise<void> {
  await replaceFile(path, text, { rights });
}

function plain(value: string | number | boolean): string {
  return typeof value === 'boolean' ? (value ? 'yes' : 'no') : String(value);
}

function lineOf(name: ConfName, value: string): string {
  if (value === '') throw impossible(name, 'it is empty');
  if (value.includes('"')) throw impossible(name, 'a quote is in it');
  // ClamAV cuts off blanks at both ends, but not between quotes
  return oneLine(name, `${name} ${/[ \t]/.test(value) ? `"${value}"` : value}`);
}

/** A comment must end with its line, as ClamAV counts lines. */
function commentOf(text: string): string {
  return oneLine('a comment', text === '' ? '#' : `# ${text}`);
}

/** Requires that ClamAV takes a text as one line. Throws `conf/impossible`. */
function oneLine(name: string, line: string): string {
  if (/[\p{Cc}\p{Zl}\p{Zp}]/u.test(line)) throw impossible(name, 'a control character is in it');
  if (!line.isWellFormed()) throw impossible(name, 'it is not text');
  if (Buffer.byteLength(line) > CONF_LINE_BYTES)
    throw impossible(name, `it has more than ${CONF_LINE_BYTES} bytes`);
  return line;
}

function impossible(name: string, why: string): ConfError {
  return new ConfError(
    'conf/impossible',
    `a configuration of ClamAV cannot hold ${name} as it was given: ${why}`,
    {
      advice: 'Use a shorter name, without quotes and control characters',
    },
  );
}

/** Options that lead through a proxy. */
export function proxyOptions({ protocol, hostname, port, username, password }: URL): ConfOption[] {
  return [
    ['HTTPProxyServer', `${protocol}//${hostname}`],
    ['HTTPProxyPort', port || (protocol === 'https:' ? '443' : '80')],
    ...(username === '' ? [] : [['HTTPProxyUsername', decodeURIComponent(username)] as const]),
    ...(password === '' ? [] : [['HTTPProxyPassword', decodeURIComponent(password)] as const]),
  ];
}

/** Name of the file with certificates in the folder of a tool. */
const CERTIFICATES = 'trusted.pem';

/**
 * Writes all certificates that we trust into the folder of a tool, which then trusts the same: freshclam itself reads
 * neither NODE_EXTRA_CA_CERTS nor SSL_CERT_FILE, and in a container it has another system's store. Returns the file's name.
 */
export async function writeCertificates(folder: string): Promise<string> {
  await writeFile(join(folder, CERTIFICATES), trustedCertificates());
  return CERTIFICATES;
}
