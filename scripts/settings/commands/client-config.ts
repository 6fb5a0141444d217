import { randomUUID } from 'node:crypto';
import * as v from 'valibot';
import { userAgentOf } from '../../base/version.ts';
import type { ConfigSettings } from '../../client/config.ts';
import { MACHINE_NAMES } from '../../conf/machines.ts';
import { isKnownTo, RELEASES } from '../../conf/since.ts';
import { isHttp } from '../../http/is-http.ts';
import { canBeSent, Databases, FilePath, minutes, Switch, wholeNumber } from '../fields.ts';
import { NETWORK_OPTIONS, networkFrom } from '../network.ts';
import { type Option, pick } from '../option.ts';
import { type Given, SettingError, validated } from '../read.ts';
import { CLIENT_OPTIONS, ConfMirror } from './client.ts';
import { SYNC_OPTIONS } from './sync.ts';

/** Mirrors that a client tries one after the other: more would cost each of its checks a minute. */
const MIRRORS = 10;

/** Behind the name of the command, separated by blanks here. */
const URLS = {
  name: 'urls',
  value: '<urls...>',
  help: 'mirrors in the order in which clients try them',
  isArgument: true,
  schema: v.pipe(
    v.string(),
    v.transform((text) => text.split(' ')),
    v.array(ConfMirror),
    v.maxLength(MIRRORS, `names more than ${MIRRORS} mirrors`),
  ),
} as const satisfies Option;

export const CLIENT_CONFIG_OPTIONS = [
  {
    name: 'for',
    value: '<machine>',
    example: 'debian',
    help: `kind of machine: ${MACHINE_NAMES.join(', ')}`,
    isNeeded: true,
    schema: v.picklist(MACHINE_NAMES, `takes one of ${MACHINE_NAMES.join(', ')}`),
  },
  {
    name: 'into',
    value: '<folder>',
    help: 'folder to write the files to, instead of printing them; a file with a password is readable by its owner alone',
    schema: FilePath,
  },
  {
    name: 'offline',
    help: 'ask no mirror which databases it has',
    schema: Switch,
  },
  {
    name: 'databases',
    value: '<names>',
    help: 'databases to take, separated by commas',
    usually: "those of the first mirror's manifest that can be read, else what ClamAV takes",
    schema: Databases,
  },
  ...pick(CLIENT_OPTIONS, ['talos-only', 'dns']),
  {
    name: 'private',
    help: 'write PrivateMirror, for clients that cannot do with CDIFFs: whole CVDs, no DNS',
    schema: Switch,
  },
  {
    name: 'fips',
    help: 'hold ClamAV to FIPS limits, which 1.5 brought; the mirror must then have the .sign of each CVD',
    schema: Switch,
  },
  {
    name: 'oldest',
    value: '<release>',
    example: '1.0',
    help: `oldest ClamAV among the clients: ${RELEASES.join(', ')}; what it does not understand is wrong usage`,
    usually: 'a comment says of a line which ClamAV understands it',
    schema: v.picklist(RELEASES, `takes one of ${RELEASES.join(', ')}`),
  },
  {
    name: 'client-proxy',
    value: '<url>',
    example: 'http://user@proxy.example:3128',
    help: 'HTTP proxy of the clients, such as http://user@proxy.example:3128; give a password by the variable',
    schema: v.pipe(
      v.string(),
      v.check(
        (url) => isHttp(url) && /^\/?$/.test(new URL(url).pathname) && !/[?#]/.test(url),
        'is not the address of an HTTP proxy',
      ),
      canBeSent(),
      v.transform((url) => new URL(url)),
    ),
  },
  {
    name: 'checks',
    value: '<count>',
    help: 'checks of a client each day',
    fallback: '24',
    schema: wholeNumber(1, 50),
  },
  {
    name: 'clamd',
    value: '<host>',
    help: 'for kubernetes: the name by which other pods find clamd',
    fallback: 'clamav',
    schema: v.pipe(v.string(), v.regex(/^[A-Za-z0-9.:-]{1,253}$/, 'is not a host')),
  },
  {
    name: 'timeout',
    value: '<minutes>',
    help: 'time limit for the questions to mirrors, in minutes',
    fallback: '1',
    schema: minutes(1, 1440),
  },
  ...pick(SYNC_OPTIONS, ['user-agent', 'allow-private-redirects']),
  ...NETWORK_OPTIONS,
] as const satisfies readonly Option[];

/** Reads the settings, and the folder to write to, if there is one. Throws `setting/invalid`. */
export function clientConfigSettings(
  urls: readonly string[],
  from: Given,
): ConfigSettings & { readonly into: string | undefined } {
  const settings = validated([URLS, ...CLIENT_CONFIG_OPTIONS] as const, {
    ...from,
    flags: { ...from.flags, urls: urls.join(' ') },
  });
  const { for: machine, dns, private: isPrivate, fips, oldest, 'client-proxy': proxy } = settings;
  if (fips && oldest !== undefined && !isKnownTo(oldest, 'FIPSCryptoHashLimits'))
    throw contradiction(`ClamAV ${oldest} does not know FIPSCryptoHashLimits, which --fips asks for`);
  if (isPrivate && dns !== 'off') throw contradiction('clients with a PrivateMirror ask no DNS record');
  return {
    ...{ machine, isPrivate, fips, proxy, into: settings.into },
    mirrors: settings.urls,
    databases: settings.databases,
    talosOnly: settings['talos-only'],
    record: dns === 'off' ? undefined : dns,
    checks: settings.checks,
    clamd: settings.clamd,
    isOffline: settings.offline,
    timeout: settings.timeout,
    userAgent: settings['user-agent'] ?? userAgentOf(randomUUID()),
    proxies: networkFrom(from, settings['allow-private-redirects']),
  };
}

function contradiction(what: string): SettingError {
  return new SettingError('setting/invalid', what, { advice: 'Leave out one of the two; see --help' });
}
