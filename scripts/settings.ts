import { randomUUID } from 'node:crypto';
import { isIP } from 'node:net';
import { relative, resolve, sep } from 'node:path';
import * as v from 'valibot';
import packageJson from '../package.json' with { type: 'json' };
import { DATABASE_NAME } from './cvd/names.ts';
import { explain, MirrorError } from './errors.ts';
import { type EngineSpec, parseEngineSpec } from './proof/engine-spec.ts';
import { isS3Address, type S3Options, s3Settings } from './store/s3-settings.ts';
import { OFFICIAL_RECORD } from './upstream/dns.ts';
import type { Proxies } from './upstream/open.ts';

export const VERSION: string = packageJson.version;
/** The form of cvdupdate, which upstream serves to mirrors (clamav-formats.md §7), plus who we are. */
const CVDUPDATE_VERSION = '1.1.3';

/** A flag, input or variable has a value that makes no sense. */
export class SettingError extends MirrorError<'setting/invalid'> {}

/** One option: a flag `--name`, and an environment variable `CLAMAV_MIRROR_NAME`. */
export interface Option {
  readonly name: string;
  /** What the flag takes; without it the flag stands alone and the variable is `true` or `false`. */
  readonly value?: string;
  readonly help: string;
  /** What holds if neither the flag nor the variable is given. */
  readonly fallback?: string;
}

const FOLDER_OPTION: Option = {
  name: 'store',
  value: '<folder>',
  help: 'where the published mirror lives',
  fallback: './mirror',
};

const OBJECT_STORE: Option = {
  name: 'store',
  value: '<where>',
  help: 'where the published mirror lives: a folder, or s3://bucket/prefix',
  fallback: './mirror',
};

/** For a store that may be a bucket; credentials come from the usual variables, files, or OIDC. */
export const STORE_OPTIONS: readonly Option[] = [
  OBJECT_STORE,
  { name: 's3-endpoint', value: '<url>', help: "the object store's URL (default: AWS)" },
  {
    name: 's3-region',
    value: '<name>',
    help: 'its region (default: the usual variables; us-east-1 with an endpoint)',
  },
  {
    name: 's3-path-style',
    value: '<yes|no>',
    help: 'whether the bucket is part of the path (default: yes with an endpoint, else no)',
  },
  {
    name: 's3-encryption',
    value: '<kind>',
    help: 'server-side encryption: AES256 or aws:kms (default: as the bucket has it)',
  },
  { name: 's3-kms-key', value: '<id>', help: 'the key for aws:kms' },
  { name: 's3-storage-class', value: '<name>', help: 'such as STANDARD_IA (default: as the bucket has it)' },
  {
    name: 's3-acl',
    value: '<name>',
    help: 'a canned ACL such as public-read, where buckets still have them',
  },
];

export const SYNC_OPTIONS: readonly Option[] = [
  {
    name: 'upstream',
    value: '<url>',
    help: 'where databases come from: ClamAV itself or another mirror',
    fallback: 'https://database.clamav.net',
  },
  {
    name: 'databases',
    value: '<names>',
    help: 'which databases to mirror, separated by commas',
    fallback: 'main,daily,bytecode',
  },
  ...STORE_OPTIONS,
  {
    name: 'work',
    value: '<folder>',
    help: 'where unproven files and the state are kept (default: <store>.work, or ./mirror.work for a bucket)',
  },
  {
    name: 'dns',
    value: '<name>',
    help: `the TXT record that advertises versions, or "off" to ask the upstream itself (default: ${OFFICIAL_RECORD} for ClamAV's own upstream, else off)`,
  },
  {
    name: 'nameservers',
    value: '<addresses>',
    help: "nameservers to ask, separated by commas; the newest answer counts (default: the system's)",
  },
  { name: 'cdiffs', value: '<count>', help: 'how many CDIFFs to keep for each database', fallback: '30' },
  {
    name: 'max-size',
    value: '<megabytes>',
    help: 'the largest CVD or CDIFF to accept from upstream',
    fallback: '1024',
  },
  {
    name: 'user-agent',
    value: '<text>',
    help: 'what upstream is told about us (default: the form it serves to mirrors)',
  },
  {
    name: 'engines',
    value: '<names>',
    help: 'ClamAV installations that must all prove a stage, separated by commas: native, docker:IMAGE, container:ID (default: native if it is installed, else the newest ClamAV and the oldest supported one by docker or podman)',
  },
  {
    name: 'clean-samples',
    value: '<path>',
    help: 'files of yours in which nothing may be found: a folder, or a list with one path a line',
  },
  {
    name: 'infected-samples',
    value: '<path>',
    help: 'files of yours in which something must be found: a folder, or a list whose lines may name what, as clamscan does ("path: Name FOUND")',
  },
  {
    name: 'archive',
    value: '<count>',
    help: 'how many earlier CVDs to keep of each database',
    fallback: '3',
  },
  {
    name: 'public-url',
    value: '<url>',
    help: 'where clients find the mirror: what was published is read from there, and taken back if it is not served',
  },
  {
    name: 'max-signature-drop',
    value: '<percent>',
    help: 'how far the signatures of a database may fall from one version to the next',
    fallback: '20',
  },
  {
    name: 'accept',
    value: '<reason>',
    help: 'take what looks implausible or was refused before, for this reason, which the proof records; it must still be proven',
  },
  { name: 'retry', help: 'try versions again that were refused before' },
];

/** What looking at a mirror and mirroring it have in common. */
const LOOKING = ['nameservers', 'max-size', 'user-agent'];

export const PROBE_OPTIONS: readonly Option[] = [
  {
    name: 'databases',
    value: '<names>',
    help: 'which databases to judge (default: those of its manifest, else main,daily,bytecode)',
  },
  {
    name: 'dns',
    value: '<name>',
    help: 'the TXT record to compare versions with, or "off"',
    fallback: OFFICIAL_RECORD,
  },
  ...SYNC_OPTIONS.filter(({ name }) => LOOKING.includes(name)),
  { name: 'cdiffs', value: '<count>', help: 'how many CDIFFs of each database to look for', fallback: '30' },
  { name: 'full', help: 'download everything and prove every byte' },
  { name: 'client', help: 'let the freshclam of this machine download everything from it' },
];

/** Of those of `sync`, what a rollback needs too. */
export const PROOF_OPTIONS: readonly Option[] = SYNC_OPTIONS.filter(({ name }) =>
  ['work', 'engines', 'clean-samples', 'infected-samples', 'archive'].includes(name),
);

export const ROLLBACK_OPTIONS: readonly Option[] = [
  { name: 'database', value: '<name>', help: 'the database to roll back' },
  { name: 'to', value: '<version>', help: 'the version to publish again; "status" shows which are kept' },
  {
    name: 'reason',
    value: '<text>',
    help: 'why, for the manifest and whoever reads it',
    fallback: 'rolled back',
  },
];

export const SERVE_OPTIONS: readonly Option[] = [
  FOLDER_OPTION,
  {
    name: 'address',
    value: '<ip>',
    help: 'address to listen on; 0.0.0.0 for everybody',
    fallback: '127.0.0.1',
  },
  { name: 'port', value: '<number>', help: 'port to listen on; 0 for any free one', fallback: '8080' },
];

const megabytes = 1024 * 1024;
const Url = v.pipe(
  v.string(),
  v.check((url) => isHttp(url), 'must be a URL that starts with http:// or https://'),
  v.check((url) => !/[?#]/.test(url), 'must not have a query or fragment'),
  v.check(
    (url) => URL.parse(url)?.username === '' && URL.parse(url)?.password === '',
    'must not have a password: the address is published in the manifest',
  ),
  v.transform((url) => url.replace(/\/+$/, '')),
);
const wholeNumber = (least: number, most: number) =>
  v.pipe(
    v.string(),
    v.regex(/^\d{1,9}$/, 'is not a whole number'),
    v.transform(Number),
    v.minValue(least, `must be ${least} or more`),
    v.maxValue(most, `must be ${most} or less`),
  );
const list = (item: v.GenericSchema<string, string>) =>
  v.pipe(
    v.string(),
    v.transform((text) =>
      text
        .split(',')
        .map((part) => part.trim())
        .filter((part) => part !== ''),
    ),
    v.array(item),
  );
const Databases = v.pipe(
  list(v.pipe(v.string(), v.regex(DATABASE_NAME, 'takes names such as main,daily,bytecode'))),
  v.minLength(1, 'names no database'),
  v.transform((names) => [...new Set(names)]),
);
const Nameserver = v.pipe(
  v.string(),
  v.check((text) => isIP(text) !== 0 || isIP(hostOf(text)) !== 0, 'takes IP addresses'),
);
const HeaderText = v.pipe(v.string(), v.regex(/^[\x20-\x7e]{1,300}$/, 'must be printable ASCII'));
const Reason = v.pipe(
  v.string(),
  v.trim(),
  v.regex(/^[^\p{Cc}]{3,500}$/u, 'takes a reason in one line of at least three characters'),
);
const Engines = v.pipe(
  list(v.string()),
  v.minLength(1, 'names no engine'),
  v.rawTransform(({ dataset, addIssue, NEVER }) => {
    try {
      return [...new Set(dataset.value)].map(parseEngineSpec);
    } catch (error) {
      addIssue({ message: error instanceof Error ? error.message : String(error) });
      return NEVER;
    }
  }),
);
const TrueOrFalse = v.picklist(['true', 'false'], 'is either true or false');
const DnsRecordName = v.pipe(v.string(), v.regex(/^[A-Za-z0-9._-]{1,253}$/, 'is not a name of a DNS record'));
const FilePath = v.pipe(
  v.string(),
  v.minLength(1, 'is empty'),
  v.transform((path) => resolve(path)),
);

const StoreSchema = v.object({
  store: v.pipe(
    v.string(),
    v.minLength(1, 'is empty'),
    v.transform((where) => (isS3Address(where) ? where : resolve(where))),
  ),
  's3-endpoint': v.optional(Url),
  's3-region': v.optional(HeaderText),
  's3-path-style': v.optional(v.picklist(['yes', 'no'], 'is either yes or no')),
  's3-encryption': v.optional(v.picklist(['AES256', 'aws:kms'], 'is either AES256 or aws:kms')),
  's3-kms-key': v.optional(HeaderText),
  's3-storage-class': v.optional(HeaderText),
  's3-acl': v.optional(HeaderText),
});

const SyncSchema = v.object({
  upstream: Url,
  databases: Databases,
  work: v.optional(FilePath),
  dns: v.optional(DnsRecordName),
  nameservers: v.optional(list(Nameserver)),
  cdiffs: wholeNumber(1, 1000),
  'max-size': wholeNumber(1, 16_384),
  'user-agent': v.optional(HeaderText),
  engines: v.optional(Engines),
  'clean-samples': v.optional(FilePath),
  'infected-samples': v.optional(FilePath),
  archive: wholeNumber(0, 100),
  'public-url': v.optional(Url),
  'max-signature-drop': wholeNumber(0, 100),
  accept: v.optional(Reason),
  retry: v.optional(TrueOrFalse),
});

/** The password in the URL of a mirror is sent to it, and printed nowhere. */
const ProbeSchema = v.object({
  url: v.pipe(
    v.string(),
    v.check(
      (url) => isHttp(url) && !/[?#]/.test(url),
      'must be a plain URL that starts with http:// or https://',
    ),
    v.transform((url) => url.replace(/\/+$/, '')),
  ),
  databases: v.optional(Databases),
  dns: DnsRecordName,
  nameservers: v.optional(list(Nameserver)),
  cdiffs: wholeNumber(1, 1000),
  'max-size': wholeNumber(1, 16_384),
  'user-agent': v.optional(HeaderText),
  full: v.optional(TrueOrFalse),
  client: v.optional(TrueOrFalse),
});

const RollbackSchema = v.object({
  database: v.pipe(v.string(), v.regex(DATABASE_NAME, 'takes a name such as daily')),
  to: wholeNumber(1, 999_999_999),
  reason: Reason,
});

const ServeSchema = v.object({
  store: FilePath,
  address: v.pipe(
    v.string(),
    v.check((text) => isIP(text) !== 0, 'is not an IP address'),
  ),
  port: wholeNumber(0, 65_535),
});

export interface StoreSettings {
  /** An absolute path, or `s3://bucket/prefix`. */
  readonly store: string;
  readonly s3: S3Options;
}

/** Everything a cycle needs to know, validated. */
export interface SyncSettings extends StoreSettings {
  /** Without a final slash. */
  readonly upstream: string;
  readonly databases: readonly string[];
  readonly work: string;
  readonly dns: { readonly record: string; readonly nameservers: readonly string[] } | undefined;
  /** How many CDIFFs to keep. */
  readonly window: number;
  /** Bytes. */
  readonly maxSize: number;
  /** For the identifier that this machine keeps. */
  readonly userAgent: (uuid: string) => string;
  readonly proxies: Proxies;
  /** `undefined`: what is there. */
  readonly engines: readonly EngineSpec[] | undefined;
  /** Paths of folders or lists. */
  readonly samples: { readonly clean: string | undefined; readonly infected: string | undefined };
  /** How many earlier CVDs to keep of each database. */
  readonly archive: number;
  /** Where clients find the mirror, without a final slash. */
  readonly publicUrl: string | undefined;
  /** As a share: 0.2 for 20 %. */
  readonly maxSignatureDrop: number;
  /** Why to take what looks implausible or was refused before. */
  readonly accept: string | undefined;
  /** Whether to try versions again that were refused before. */
  readonly retry: boolean;
}

export interface ServeSettings {
  readonly store: string;
  readonly address: string;
  readonly port: number;
}

/** What was given: flags by option name, and the environment. */
export interface Given {
  readonly flags: Readonly<Record<string, string | undefined>>;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** What a probe of a mirror needs to know, validated. */
export interface ProbeSettings extends Pick<SyncSettings, 'dns' | 'maxSize' | 'proxies'> {
  /** Without a final slash; may hold a user and password. */
  readonly url: string;
  /** `undefined`: what the mirror says that it has. */
  readonly databases: readonly string[] | undefined;
  /** How many CDIFFs of each database to look for. */
  readonly cdiffs: number;
  readonly userAgent: string;
  /** Whether to download and prove every byte. */
  readonly full: boolean;
  /** Where to look for freshclam, a PATH, if that is to download everything too. */
  readonly client: string | undefined;
}

/** These flags and this process's environment. */
export function given(flags: Given['flags']): Given {
  return { flags, environment: process.env };
}

/** Throws `setting/invalid`, which names the setting and what it takes. */
export function syncSettings(from: Given): SyncSettings {
  const settings = validated(SyncSchema, SYNC_OPTIONS, from);
  const { store, s3 } = storeSettings(from);
  const work = settings.work ?? (isS3Address(store) ? resolve('mirror.work') : `${store}.work`);
  if (!isS3Address(store)) requireApart(store, work);
  const official = /(^|\.)clamav\.net$/.test(new URL(settings.upstream).hostname);
  const record = settings.dns ?? (official ? OFFICIAL_RECORD : 'off');
  return {
    upstream: settings.upstream,
    databases: settings.databases,
    store,
    s3,
    work,
    dns: dnsFrom(record, settings.nameservers),
    window: settings.cdiffs,
    maxSize: settings['max-size'] * megabytes,
    userAgent: (uuid) => settings['user-agent'] ?? userAgentOf(uuid),
    proxies: proxiesFrom(from.environment),
    engines: settings.engines,
    samples: { clean: settings['clean-samples'], infected: settings['infected-samples'] },
    archive: settings.archive,
    publicUrl: settings['public-url'],
    maxSignatureDrop: settings['max-signature-drop'] / 100,
    accept: settings.accept,
    retry: settings.retry === 'true',
  };
}

/** Throws `setting/invalid`. */
export function storeSettings(from: Given): StoreSettings {
  const { store, ...given } = validated(StoreSchema, STORE_OPTIONS, from);
  const pathStyle = given['s3-path-style'];
  const options: Record<string, string | boolean | undefined> = {
    endpoint: given['s3-endpoint'],
    region: given['s3-region'],
    pathStyle: pathStyle === undefined ? undefined : pathStyle === 'yes',
    encryption: given['s3-encryption'],
    kmsKey: given['s3-kms-key'],
    storageClass: given['s3-storage-class'],
    acl: given['s3-acl'],
  };
  const s3: S3Options = Object.fromEntries(
    Object.entries(options).filter(([, value]) => value !== undefined),
  );
  try {
    if (isS3Address(store)) s3Settings(store, s3);
  } catch (cause) {
    throw new SettingError('setting/invalid', `--store ${explain(cause)}`, { cause });
  }
  return { store, s3 };
}

/** Throws `setting/invalid`. */
export function rollbackSettings(from: Given): v.InferOutput<typeof RollbackSchema> {
  return validated(RollbackSchema, ROLLBACK_OPTIONS, from);
}

/** Throws `setting/invalid`. */
export function probeSettings(url: string, { flags, environment }: Given): ProbeSettings {
  const options = [{ name: 'url', help: '' }, ...PROBE_OPTIONS];
  const settings = validated(ProbeSchema, options, { flags: { ...flags, url }, environment });
  return {
    url: settings.url,
    databases: settings.databases,
    cdiffs: settings.cdiffs,
    maxSize: settings['max-size'] * megabytes,
    dns: dnsFrom(settings.dns, settings.nameservers),
    userAgent: settings['user-agent'] ?? userAgentOf(randomUUID()),
    proxies: proxiesFrom(environment),
    full: settings.full === 'true',
    client: settings.client === 'true' ? (environment.PATH ?? '') : undefined,
  };
}

/** Throws `setting/invalid`. */
export function serveSettings(from: Given): ServeSettings {
  return validated(ServeSchema, SERVE_OPTIONS, from);
}

/** Where to look for programs: a PATH. */
export function searchPath(): string {
  return process.env.PATH ?? '';
}

/** True if no person is there to answer a question. */
export function isUnattended(): boolean {
  return Boolean(process.env.CI) || !process.stdin.isTTY;
}

function userAgentOf(uuid: string): string {
  return `CVDUPDATE/${CVDUPDATE_VERSION} (${uuid}) clamav-mirror/${VERSION}`;
}

function dnsFrom(record: string, nameservers: readonly string[] = []): SyncSettings['dns'] {
  return record === 'off' ? undefined : { record, nameservers };
}

function validated<T>(schema: v.GenericSchema<unknown, T>, options: readonly Option[], from: Given): T {
  const entries = options.flatMap(({ name, fallback }) => {
    const value = from.flags[name] ?? (from.environment[variableOf(name)] || undefined) ?? fallback;
    return value === undefined ? [] : [[name, value] as const];
  });
  const parsed = v.safeParse(schema, Object.fromEntries(entries));
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  const name = String(issue.path?.[0]?.key ?? 'setting');
  const given = JSON.stringify(issue.input)?.replace(/\/\/[^/]*@/, '//***@');
  const what = given === undefined ? 'is needed' : `${issue.message}: ${given}`;
  throw new SettingError('setting/invalid', `--${name} ${what}`, {
    advice: `It comes from the flag --${name} or the variable ${variableOf(name)}; see --help`,
  });
}

function isHttp(url: string): boolean {
  return /^https?:$/.test(URL.parse(url)?.protocol ?? '');
}

export function variableOf(name: string): string {
  return `CLAMAV_MIRROR_${name.replaceAll('-', '_').toUpperCase()}`;
}

/** What is unproven must not lie where it is served, nor what is served where each run begins by clearing up. */
function requireApart(store: string, work: string): void {
  const apart = (from: string, to: string) => relative(from, to).split(sep)[0] === '..';
  if (apart(work, store) && apart(store, work)) return;
  throw new SettingError('setting/invalid', `--work ${work} and --store ${store} lie one within the other`, {
    advice: `Choose two folders side by side, as ${store} and ${store}.work`,
  });
}

/** The host of `192.0.2.1:53` or `[2001:db8::1]:53`, else nothing. */
function hostOf(address: string): string {
  const [, ipv6, ipv4, port] = /^(?:\[(.+)\]|([\d.]+)):(\d{1,5})$/.exec(address) ?? [];
  return Number(port) >= 1 && Number(port) <= 65_535 ? (ipv6 ?? ipv4 ?? '') : '';
}

/** The usual variables, in lower and upper case. Throws `setting/invalid`. */
function proxiesFrom(environment: Given['environment']): Proxies {
  const either = (name: string) => environment[name.toLowerCase()] || environment[name] || '';
  return {
    httpProxy: proxyUrl('HTTP_PROXY', either('HTTP_PROXY')),
    httpsProxy: proxyUrl('HTTPS_PROXY', either('HTTPS_PROXY')),
    noProxy: either('NO_PROXY'),
  };
}

/** As curl reads it: `proxy.example:3128` is an address too. */
function proxyUrl(name: string, text: string): string {
  if (text === '') return '';
  const url = text.includes('://') ? text : `http://${text}`;
  if (isHttp(url)) return url;
  throw new SettingError('setting/invalid', `the variable ${name} is not the address of an HTTP proxy`, {
    advice: 'It looks like http://user:password@proxy.example:3128',
  });
}
