import { randomUUID } from 'node:crypto';
import * as v from 'valibot';
import { userAgentOf } from '../../base/version.ts';
import type { ClientSettings } from '../../client/settings.ts';
import { FilePath, ProbeSchema, SyncSchema, TrueOrFalse, wholeNumber } from '../fields.ts';
import { type Option, SYNC_OPTIONS, TIMEOUT_OPTION, URL_ARGUMENT } from '../option.ts';
import { type Given, validated } from '../read.ts';
import { proxiesFrom } from './sync.ts';

export const CLIENT_OPTIONS: readonly Option[] = [
  {
    name: 'into',
    value: '<folder>',
    help: 'the database folder, for nothing else: what is no database of the mirror gets removed from it',
    fallback: './clamav-databases',
  },
  {
    name: 'conf',
    value: '<file>',
    help: 'where to write the freshclam.conf that does the same (default: <into>.freshclam.conf)',
  },
  {
    name: 'databases',
    value: '<names>',
    help: 'which databases to take (default: those of its manifest, else main,daily,bytecode)',
  },
  {
    name: 'dns',
    value: '<name>',
    help: 'the TXT record of the mirror itself that says which versions it has, or "off" to ask the mirror',
    fallback: 'off',
  },
  {
    name: 'max-age',
    value: '<hours>',
    help: 'how long ago the mirror may have asked ClamAV for news, or it counts as stale; 0: no matter',
    fallback: '48',
  },
  {
    name: 'fips',
    help: 'hold ClamAV (1.5 or later) to FIPS limits: FIPSCryptoHashLimits yes; the mirror must then have the .sign of each CVD',
  },
  { ...TIMEOUT_OPTION, fallback: '30' },
  {
    name: 'engines',
    value: '<name>',
    help: 'whose freshclam to use: native, docker:IMAGE or container:ID (default: native if it is installed, else the newest ClamAV by docker or podman)',
  },
  ...SYNC_OPTIONS.filter(({ name }) => ['user-agent', 'allow-private-redirects'].includes(name)),
];

const ClientSchema = v.object({
  // It becomes a line of freshclam.conf.
  url: v.pipe(
    ProbeSchema.entries.url,
    v.regex(/^[!-~]+$/, 'must be ASCII without spaces, the rest percent-encoded'),
  ),
  into: FilePath,
  conf: v.optional(FilePath),
  databases: ProbeSchema.entries.databases,
  dns: ProbeSchema.entries.dns,
  'max-age': wholeNumber(0, 8760),
  fips: v.optional(TrueOrFalse),
  timeout: ProbeSchema.entries.timeout,
  engines: v.optional(v.pipe(SyncSchema.entries.engines.wrapped, v.maxLength(1, 'takes one engine'))),
  'user-agent': ProbeSchema.entries['user-agent'],
  'allow-private-redirects': ProbeSchema.entries['allow-private-redirects'],
});

/** Throws `setting/invalid`. */
export function clientSettings(url: string, from: Given): ClientSettings {
  const options = [URL_ARGUMENT, ...CLIENT_OPTIONS];
  const settings = validated(ClientSchema, options, { ...from, flags: { ...from.flags, url } });
  const { into, conf = `${into}.freshclam.conf`, databases, dns } = settings;
  const hours = settings['max-age'];
  return {
    url: settings.url,
    into,
    conf,
    databases,
    record: dns === 'off' ? undefined : dns,
    fips: settings.fips === 'true',
    maxAge: hours === 0 ? undefined : hours * 3_600_000,
    timeout: settings.timeout * 60_000,
    engine: settings.engines?.[0],
    userAgent: settings['user-agent'] ?? userAgentOf(randomUUID()),
    proxies: proxiesFrom(from.environment, settings['allow-private-redirects']),
  };
}
