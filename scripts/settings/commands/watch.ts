import { randomUUID } from 'node:crypto';
import * as v from 'valibot';
import { userAgentOf } from '../../base/version.ts';
import { usualRecord } from '../../upstream/official.ts';
import type { WatchSettings } from '../../watch/settings.ts';
import { ALERT_OPTIONS } from '../alerts.ts';
import { dnsFrom } from '../environment.ts';
import { Engines, FilePath, hours } from '../fields.ts';
import { NETWORK_OPTIONS, networkFrom } from '../network.ts';
import { type Option, pick } from '../option.ts';
import { type Given, SettingError, validated } from '../read.ts';
import { requireKept } from '../retired-databases.ts';
import { LOOKED_AT, LOOKED_FOR, TIMEOUT_OPTION, URL_ARGUMENT } from './probe.ts';
import { SYNC_OPTIONS } from './sync.ts';

export const WATCH_OPTIONS = [
  LOOKED_AT,
  ...pick(SYNC_OPTIONS, [
    ...(['upstream', 'dns', 'nameservers', 'max-size', 'user-agent', 'allow-private-redirects'] as const),
  ]),
  ...NETWORK_OPTIONS,
  LOOKED_FOR,
  {
    name: 'engines',
    value: '<names>',
    help: 'ClamAV installations whose freshclam and clamscan use the mirror, separated by commas',
    usually: 'as for sync',
    schema: Engines,
  },
  {
    name: 'clients',
    value: '<folder>',
    help: 'folder in which the clients of a watch keep their databases: they update by CDIFFs, and one of them begins anew each day',
    usually: 'each client begins anew each time',
    example: '/srv/clients',
    schema: FilePath,
  },
  {
    name: 'warn-after',
    value: '<hours>',
    help: 'hours behind upstream, or without a successful check, before the watchdog warns',
    fallback: '24',
    schema: hours(1, 8760),
  },
  {
    name: 'fail-after',
    value: '<hours>',
    help: 'hours behind upstream, or without a successful check, before the watchdog fails',
    fallback: '48',
    schema: hours(1, 8760),
  },
  {
    name: 'workflow',
    value: '<file>',
    help: 'file name of the workflow that syncs, to ask GitHub about it',
    fallback: 'mirror.yml',
    schema: v.pipe(
      v.string(),
      v.regex(/^[\w.-]{1,200}\.ya?ml$/, 'takes the name of a file such as mirror.yml'),
    ),
  },
  TIMEOUT_OPTION,
  ...ALERT_OPTIONS,
] as const satisfies readonly Option[];

/** Throws `setting/invalid`. */
export function watchSettings(url: string, from: Given): WatchSettings {
  const settings = validated([URL_ARGUMENT, ...WATCH_OPTIONS] as const, {
    ...from,
    flags: { ...from.flags, url },
  });
  const limits = { warn: settings['warn-after'], fail: settings['fail-after'] };
  if (limits.warn > limits.fail) {
    throw new SettingError('setting/invalid', 'warn-after must not be more than fail-after', {
      advice: 'A warning comes before a fault',
    });
  }
  requireKept(settings.upstream, settings.databases);
  return {
    url: settings.url,
    databases: settings.databases,
    upstreams: settings.upstream,
    dns: dnsFrom(settings.dns ?? usualRecord(settings.upstream), settings.nameservers),
    maxSize: settings['max-size'],
    cdiffs: settings.cdiffs,
    userAgent: settings['user-agent'] ?? userAgentOf(randomUUID()),
    proxies: networkFrom(from, settings['allow-private-redirects']),
    timeout: settings.timeout,
    limits,
    workflow: settings.workflow,
    engines: settings.engines,
    clients: settings.clients,
  };
}
