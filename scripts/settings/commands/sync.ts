import { relative, sep } from 'node:path';
import { userAgentOf } from '../../base/version.ts';
import type { CycleSettings } from '../../cycle/settings.ts';
import { isS3Address } from '../../store/s3/address.ts';
import { OFFICIAL_RECORD, OFFICIAL_UPSTREAM, USUAL_DATABASES, usualRecord } from '../../upstream/official.ts';
import { ALERT_OPTIONS } from '../alerts.ts';
import { dnsFrom } from '../environment.ts';
import { EXTRAS_OPTIONS, extrasFrom } from '../extras/extras.ts';
import {
  Databases,
  DnsSource,
  Engines,
  FilePath,
  HeaderText,
  megabytes,
  Nameservers,
  Reason,
  Switch,
  Upstreams,
  Url,
  wholeNumber,
} from '../fields.ts';
import { networkFrom } from '../network.ts';
import { type Option, pick } from '../option.ts';
import { type Given, named, SettingError, together, validated } from '../read.ts';
import { requireKept } from '../retired-databases.ts';
import { STORE_OPTIONS, storeSettings, workFolderOf } from './store.ts';

const FROM_UPSTREAM = [
  {
    name: 'upstream',
    value: '<urls>',
    help: 'where databases come from: ClamAV itself or another mirror; of several, separated by commas, the next is asked where the one before it fails or lags',
    fallback: OFFICIAL_UPSTREAM,
    schema: Upstreams,
  },
  {
    name: 'databases',
    value: '<names>',
    help: 'databases to mirror, separated by commas',
    fallback: USUAL_DATABASES.join(),
    schema: Databases,
  },
] as const satisfies readonly Option[];

const CYCLE = [
  {
    name: 'work',
    value: '<folder>',
    help: 'folder for unproven files and the state',
    usually: '<store>.work, or ./mirror.work for a bucket',
    example: '/srv/clamav.work',
    schema: FilePath,
  },
  {
    name: 'dns',
    value: '<name>',
    help: `TXT record that advertises versions; or the https:// URL of a resolver, to ask it for ${OFFICIAL_RECORD} by DNS over HTTPS; or "off" to ask upstream itself`,
    usually: `${OFFICIAL_RECORD} if ClamAV's own upstream is the first, else off`,
    example: 'current.clamav.example',
    schema: DnsSource,
  },
  {
    name: 'nameservers',
    value: '<addresses>',
    help: 'nameservers to ask, separated by commas, by address or as https:// URLs; the newest answer counts',
    usually: "the system's",
    example: '192.0.2.53,192.0.2.54',
    schema: Nameservers,
  },
  {
    name: 'cdiffs',
    value: '<count>',
    help: 'number of CDIFFs to keep for each database',
    fallback: '30',
    schema: wholeNumber(1, 1000),
  },
  {
    name: 'max-size',
    value: '<megabytes>',
    help: 'largest CVD or CDIFF to accept, in megabytes',
    fallback: '1024',
    schema: megabytes(1, 16_384),
  },
  {
    name: 'user-agent',
    value: '<text>',
    help: 'User-Agent header to send',
    usually: "cvdupdate's form, which ClamAV's servers accept, with the name of this program",
    example: 'ClamAV/1.4.6 (clamav@example.org)',
    schema: HeaderText,
  },
  {
    name: 'allow-private-redirects',
    help: 'follow redirects from a public host to a private address',
    schema: Switch,
  },
  {
    name: 'engines',
    value: '<names>',
    help: 'ClamAV installations that must all prove a stage, separated by commas: native, newest, oldest (the images that are pinned here), docker:IMAGE, container:ID',
    usually:
      'native if it is installed, else the newest ClamAV and the oldest supported one, by docker or podman',
    example: 'native,docker:docker.io/clamav/clamav:1.4',
    schema: Engines,
  },
  {
    name: 'clean-samples',
    value: '<path>',
    help: 'your own files in which nothing may be found: a folder, or a list with one path per line',
    example: '/srv/samples/clean',
    schema: FilePath,
  },
  {
    name: 'infected-samples',
    value: '<path>',
    help: 'your own files in which something must be found: a folder, or a list; a line of it may name the signature, as clamscan prints it ("path: Name FOUND")',
    example: '/srv/samples/infected',
    schema: FilePath,
  },
  {
    name: 'archive',
    value: '<count>',
    help: 'number of earlier CVDs to keep of each database',
    fallback: '3',
    schema: wholeNumber(0, 100),
  },
  {
    name: 'max-mirror-size',
    value: '<megabytes>',
    help: 'limit for all published files together, in megabytes; the archive is trimmed first, then the oldest CDIFFs',
    usually: 'no limit',
    example: '2000',
    schema: megabytes(1, 1_000_000),
  },
  {
    name: 'public-url',
    value: '<url>',
    help: 'where clients find the mirror; each publication is read back from there, and undone if it is not served',
    example: 'https://clamav.example',
    schema: Url,
  },
  {
    name: 'restore-from',
    value: '<url>',
    help: 'where the mirror is served; a store without a manifest is filled from there first (folders only)',
    example: 'https://clamav.example',
    schema: Url,
  },
  {
    name: 'local',
    value: '<folder>',
    help: 'folder of your own files, whose names begin with local_, to publish beside the mirror, such as local_logo.png',
    usually: 'none; in a workflow, the folder "local" of its repository, if there is one',
    schema: FilePath,
  },
  ...EXTRAS_OPTIONS,
  {
    name: 'allow-list',
    value: '<file>',
    help: 'list of signatures that are off on all clients, and of files in which nothing is found, each with a reason and perhaps an end; "clamav-mirror allow" adds others',
    example: '/etc/clamav-mirror/allow.json',
    schema: FilePath,
  },
  {
    name: 'adopt',
    value: '<folder>',
    help: 'folder of databases that cvdupdate, freshclam or a web server kept: what is proven of it is published before upstream is asked; it is only read',
    schema: FilePath,
  },
  {
    name: 'max-signature-drop',
    value: '<percent>',
    help: 'refuse a database that loses more of its signatures than this, until you accept it',
    usually: 'a loss of more than 20 waits for a day and is reported',
    example: '10',
    schema: wholeNumber(0, 100),
  },
  {
    name: 'accept',
    value: '<reason>',
    help: 'take what looks implausible or was refused before; it must still be proven, and the proof records this reason',
    example: 'Talos moved a million signatures from daily to main',
    schema: Reason,
  },
  {
    name: 'retry',
    help: 'try refused versions again, and ask upstream once more during a cool-down',
    schema: Switch,
  },
  { name: 'resync', help: 'download everything again from upstream, whatever is published', schema: Switch },
  { name: 'dry-run', help: 'do everything except publish', schema: Switch },
] as const satisfies readonly Option[];

const OWN = [...FROM_UPSTREAM, ...CYCLE] as const;

export const SYNC_OPTIONS = [...FROM_UPSTREAM, ...STORE_OPTIONS, ...CYCLE, ...ALERT_OPTIONS] as const;

/** Options of `sync` that a rollback needs too. */
export const PROOF_OPTIONS = pick(SYNC_OPTIONS, [
  ...(['work', 'engines', 'clean-samples', 'infected-samples', 'archive', 'max-mirror-size'] as const),
]);

/** Throws `setting/invalid`, which names the setting and what it takes. */
export function syncSettings(from: Given): CycleSettings {
  const { settings, where, extras } = together({
    settings: () => validated(OWN, from),
    where: () => storeSettings(from),
    extras: () => extrasFrom(from),
  });
  const { store, s3 } = where;
  const work = settings.work ?? workFolderOf(store);
  if (!isS3Address(store)) requireApart(store, work);
  else if (settings['restore-from'] !== undefined) throw restoresBucket(from);
  if (settings.adopt !== undefined)
    requireOnlyRead(settings.adopt, isS3Address(store) ? [work] : [store, work]);
  if (settings.adopt !== undefined && settings.resync) throw adoptsAnew(from);
  requireKept(settings.upstream, settings.databases);
  const { 'max-signature-drop': drop, 'allow-list': list } = settings;
  return {
    upstreams: settings.upstream,
    databases: settings.databases,
    store,
    s3: { ...s3, maxSize: settings['max-size'] },
    work,
    dns: dnsFrom(settings.dns ?? usualRecord(settings.upstream), settings.nameservers),
    window: settings.cdiffs,
    maxSize: settings['max-size'],
    userAgent: (uuid) => settings['user-agent'] ?? userAgentOf(uuid),
    proxies: networkFrom(from, settings['allow-private-redirects']),
    engines: settings.engines,
    samples: { clean: settings['clean-samples'], infected: settings['infected-samples'] },
    archive: settings.archive,
    maxMirrorSize: settings['max-mirror-size'],
    publicUrl: settings['public-url'],
    restoreFrom: settings['restore-from'],
    local: settings.local,
    extras,
    allowList:
      list === undefined
        ? undefined
        : async () => await (await import('../allow/list.ts')).readAllowList(list),
    adopt: settings.adopt,
    maxSignatureDrop: drop === undefined ? undefined : drop / 100,
    accept: settings.accept,
    retry: settings.retry,
    resync: settings.resync,
    dryRun: settings['dry-run'],
  };
}

/** Keeps the two folders apart: unproven files must not be served, nor served files lie where each run begins by clearing up. */
function requireApart(store: string, work: string): void {
  if (isApart(work, store) && isApart(store, work)) return;
  throw new SettingError('setting/invalid', `--work ${work} and --store ${store} lie one within the other`, {
    advice: `Choose two folders side by side, as ${store} and ${store}.work`,
  });
}

function isApart(from: string, to: string): boolean {
  return relative(from, to).split(sep)[0] === '..';
}

/** An adopted folder is only read, so it must be none that a run writes to. */
function requireOnlyRead(adopt: string, written: readonly string[]): void {
  const other = written.find((folder) => !isApart(adopt, folder) || !isApart(folder, adopt));
  if (other === undefined) return;
  throw new SettingError('setting/invalid', `--adopt ${adopt} and ${other} lie one within the other`, {
    advice: 'Choose another folder with --store: the adopted one is only read, and stays as it is',
  });
}

/** A resync takes everything from upstream, and an adoption what it can from a folder. */
function adoptsAnew(from: Given): SettingError {
  const what = `${named('adopt', from)} and ${named('resync', from)} contradict each other`;
  return new SettingError('setting/invalid', what, { advice: 'Leave one of them out' });
}

/** A bucket keeps its manifest by itself. */
function restoresBucket(from: Given): SettingError {
  const what = `${named('restore-from', from)} is for a folder, and the store is a bucket`;
  return new SettingError('setting/invalid', what, { advice: 'Leave it out' });
}
