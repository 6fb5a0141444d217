import { randomUUID } from 'node:crypto';
import { userAgentOf } from '../../base/version.ts';
import type { ProbeSettings } from '../../probe/settings.ts';
import { OFFICIAL_RECORD, USUAL_DATABASES } from '../../upstream/official.ts';
import { dnsFrom, programsFrom } from '../environment.ts';
import { Databases, DnsSource, MirrorUrl, minutes, Switch, wholeNumber } from '../fields.ts';
import { NETWORK_OPTIONS, networkFrom } from '../network.ts';
import { type Option, pick } from '../option.ts';
import { type Given, validated } from '../read.ts';
import { SYNC_OPTIONS } from './sync.ts';

/** The mirror that a command is about. */
export const URL_ARGUMENT = {
  name: 'url',
  value: '<url>',
  help: 'the mirror',
  isArgument: true,
  schema: MirrorUrl,
} as const satisfies Option;

/** For whatever looks at a mirror: it may be slow, or hostile. */
export const TIMEOUT_OPTION = {
  name: 'timeout',
  value: '<minutes>',
  help: 'time limit for the whole command, in minutes',
  fallback: '60',
  schema: minutes(1, 1440),
} as const satisfies Option;

/** The databases of a mirror that a command looks at. */
export const LOOKED_AT = {
  name: 'databases',
  value: '<names>',
  help: `databases to look at, separated by commas`,
  usually: `those of the mirror's manifest, else ${USUAL_DATABASES.join()}`,
  schema: Databases,
} as const satisfies Option;

/** Number of CDIFFs of each database that a command looks for. */
export const LOOKED_FOR = {
  name: 'cdiffs',
  value: '<count>',
  help: 'number of CDIFFs of each database to look for',
  fallback: '30',
  schema: wholeNumber(1, 1000),
} as const satisfies Option;

export const PROBE_OPTIONS = [
  LOOKED_AT,
  {
    name: 'dns',
    value: '<name>',
    help: 'TXT record to compare versions with, or "off"',
    fallback: OFFICIAL_RECORD,
    schema: DnsSource,
  },
  ...pick(SYNC_OPTIONS, ['nameservers', 'max-size', 'user-agent', 'allow-private-redirects']),
  ...NETWORK_OPTIONS,
  LOOKED_FOR,
  { name: 'full', help: 'download everything and prove every byte', schema: Switch },
  {
    name: 'client',
    help: 'update with the freshclam of this machine too: as a new client, as one that is behind, as one with FIPS limits',
    schema: Switch,
  },
  TIMEOUT_OPTION,
] as const satisfies readonly Option[];

/** Throws `setting/invalid`. */
export function probeSettings(url: string, from: Given): ProbeSettings {
  const settings = validated([URL_ARGUMENT, ...PROBE_OPTIONS] as const, {
    ...from,
    flags: { ...from.flags, url },
  });
  const { environment } = from;
  return {
    url: settings.url,
    databases: settings.databases,
    cdiffs: settings.cdiffs,
    maxSize: settings['max-size'],
    dns: dnsFrom(settings.dns, settings.nameservers),
    userAgent: settings['user-agent'] ?? userAgentOf(randomUUID()),
    proxies: networkFrom(from, settings['allow-private-redirects']),
    timeout: settings.timeout,
    full: settings.full,
    client: settings.client ? (environment.PATH ?? '') : undefined,
    environment: programsFrom(environment).environment.tools,
  };
}
