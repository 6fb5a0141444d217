import { randomUUID } from 'node:crypto';
import * as v from 'valibot';
import { userAgentOf } from '../../base/version.ts';
import { usualRecord } from '../../upstream/official.ts';
import type { WatchSettings } from '../../watch/settings.ts';
import { ProbeSchema, SyncSchema, wholeNumber } from '../fields.ts';
import { type Option, SYNC_OPTIONS, TIMEOUT_OPTION, URL_ARGUMENT } from '../option.ts';
import { type Given, SettingError, validated } from '../read.ts';
import { requireKept } from '../retired-databases.ts';
import { dnsFrom, proxiesFrom } from './sync.ts';

const OF_SYNC = ['upstream', 'dns', 'nameservers', ...['max-size', 'user-agent', 'allow-private-redirects']];

export const WATCH_OPTIONS: readonly Option[] = [
  {
    name: 'databases',
    value: '<names>',
    help: 'which databases to look at (default: those of its manifest, else main,daily,bytecode)',
  },
  ...SYNC_OPTIONS.filter(({ name }) => OF_SYNC.includes(name)),
  { name: 'cdiffs', value: '<count>', help: 'how many CDIFFs of each database to look for', fallback: '30' },
  {
    name: 'engines',
    value: '<names>',
    help: 'whose freshclam and clamscan to use it with, separated by commas (default: as sync has it)',
  },
  {
    name: 'warn-after',
    value: '<hours>',
    help: 'how long the mirror may be behind, or go without a check, before that is a warning',
    fallback: '24',
  },
  { name: 'fail-after', value: '<hours>', help: 'and before that is a fault', fallback: '48' },
  {
    name: 'workflow',
    value: '<file>',
    help: 'the workflow that syncs, where GitHub can be asked about it',
    fallback: 'mirror.yml',
  },
  TIMEOUT_OPTION,
];

const WatchSchema = v.object({
  url: ProbeSchema.entries.url,
  databases: ProbeSchema.entries.databases,
  upstream: SyncSchema.entries.upstream,
  dns: SyncSchema.entries.dns,
  nameservers: SyncSchema.entries.nameservers,
  'max-size': SyncSchema.entries['max-size'],
  'user-agent': SyncSchema.entries['user-agent'],
  'allow-private-redirects': SyncSchema.entries['allow-private-redirects'],
  cdiffs: SyncSchema.entries.cdiffs,
  timeout: ProbeSchema.entries.timeout,
  engines: SyncSchema.entries.engines,
  'warn-after': wholeNumber(1, 8760),
  'fail-after': wholeNumber(1, 8760),
  workflow: v.pipe(
    v.string(),
    v.regex(/^[\w.-]{1,200}\.ya?ml$/, 'takes the name of a file such as mirror.yml'),
  ),
});

const HOUR = 3_600_000;
const MEGABYTE = 1024 * 1024;

/** Throws `setting/invalid`. */
export function watchSettings(url: string, from: Given): WatchSettings {
  const options = [URL_ARGUMENT, ...WATCH_OPTIONS];
  const settings = validated(WatchSchema, options, { ...from, flags: { ...from.flags, url } });
  const limits = { warn: settings['warn-after'] * HOUR, fail: settings['fail-after'] * HOUR };
  if (limits.warn > limits.fail) {
    throw new SettingError('setting/invalid', 'warn-after must not be more than fail-after', {
      advice: 'A warning comes before a fault',
    });
  }
  requireKept(settings.upstream, settings.databases);
  return {
    url: settings.url,
    databases: settings.databases,
    upstream: settings.upstream,
    dns: dnsFrom(settings.dns ?? usualRecord(settings.upstream), settings.nameservers),
    maxSize: settings['max-size'] * MEGABYTE,
    cdiffs: settings.cdiffs,
    userAgent: settings['user-agent'] ?? userAgentOf(randomUUID()),
    proxies: proxiesFrom(from.environment, settings['allow-private-redirects']),
    timeout: settings.timeout * 60_000,
    limits,
    workflow: settings.workflow,
    engines: settings.engines,
  };
}
