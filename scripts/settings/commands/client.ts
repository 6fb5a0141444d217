import { randomUUID } from 'node:crypto';
import * as v from 'valibot';
import { userAgentOf } from '../../base/version.ts';
import type { ClientSettings } from '../../client/settings.ts';
import { DnsRecordName, Engines, FilePath, hours, MirrorUrl, Switch } from '../fields.ts';
import { NETWORK_OPTIONS, networkFrom } from '../network.ts';
import { type Option, pick } from '../option.ts';
import { type Given, validated } from '../read.ts';
import { LOOKED_AT, TIMEOUT_OPTION, URL_ARGUMENT } from './probe.ts';
import { SYNC_OPTIONS } from './sync.ts';

/** The mirror's address becomes a line of freshclam.conf. */
export const ConfMirror = v.pipe(
  MirrorUrl,
  v.regex(/^[!-~]+$/, 'must be ASCII without spaces, the rest percent-encoded'),
);
const MIRROR = { ...URL_ARGUMENT, schema: ConfMirror } as const;

export const CLIENT_OPTIONS = [
  {
    name: 'into',
    value: '<folder>',
    help: 'database folder to update; everything else in it is deleted',
    fallback: './clamav-databases',
    schema: FilePath,
  },
  {
    name: 'conf',
    value: '<file>',
    help: 'path for a freshclam.conf that does the same',
    usually: '<into>.freshclam.conf',
    schema: FilePath,
  },
  { ...LOOKED_AT, help: LOOKED_AT.help.replace('look at', 'take') },
  {
    name: 'talos-only',
    help: 'take what Talos signed alone: no other signatures that the mirror has, and not its allow list',
    schema: Switch,
  },
  {
    name: 'dns',
    value: '<name>',
    help: 'TXT record of the mirror that advertises its versions, or "off" to ask the mirror itself',
    fallback: 'off',
    schema: DnsRecordName,
  },
  {
    name: 'max-age',
    value: '<hours>',
    help: "fail if the mirror's last successful check is older than this many hours (0: never)",
    fallback: '48',
    schema: hours(0, 8760),
  },
  {
    name: 'fips',
    help: 'hold ClamAV 1.5 or later to FIPS limits (FIPSCryptoHashLimits yes); the mirror must then have the .sign of each CVD',
    schema: Switch,
  },
  { ...TIMEOUT_OPTION, fallback: '30' },
  {
    name: 'engines',
    value: '<name>',
    help: 'ClamAV installation whose freshclam to use: native, newest, oldest, docker:IMAGE or container:ID',
    usually: 'native if it is installed, else the newest ClamAV by docker or podman',
    schema: v.pipe(Engines, v.maxLength(1, 'takes one engine')),
  },
  ...pick(SYNC_OPTIONS, ['user-agent', 'allow-private-redirects']),
  ...NETWORK_OPTIONS,
] as const satisfies readonly Option[];

/** Throws `setting/invalid`. */
export function clientSettings(url: string, from: Given): ClientSettings {
  const settings = validated([MIRROR, ...CLIENT_OPTIONS] as const, {
    ...from,
    flags: { ...from.flags, url },
  });
  const { into, conf = `${into}.freshclam.conf`, databases, dns } = settings;
  return {
    url: settings.url,
    into,
    conf,
    databases,
    talosOnly: settings['talos-only'],
    record: dns === 'off' ? undefined : dns,
    fips: settings.fips,
    maxAge: settings['max-age'] === 0 ? undefined : settings['max-age'],
    timeout: settings.timeout,
    engine: settings.engines?.[0],
    userAgent: settings['user-agent'] ?? userAgentOf(randomUUID()),
    proxies: networkFrom(from, settings['allow-private-redirects']),
  };
}
