import { randomUUID } from 'node:crypto';
import { relative, resolve, sep } from 'node:path';
import type * as v from 'valibot';
import { explain } from '../../base/errors.ts';
import { userAgentOf } from '../../base/version.ts';
import type { CycleSettings } from '../../cycle/settings.ts';
import type { Environment, Programs } from '../../engine/process.ts';
import { isHttp } from '../../http/is-http.ts';
import type { Proxies } from '../../http/proxies.ts';
import type { ProbeSettings } from '../../probe/settings.ts';
import { isS3Address, type S3Options, s3Settings } from '../../store/s3/address.ts';
import type { StoreSettings } from '../../store/settings.ts';
import { usualRecord } from '../../upstream/official.ts';
import {
  ProbeSchema,
  ReleaseSchema,
  RollbackSchema,
  ServeSchema,
  StoreSchema,
  SyncSchema,
  VerifySchema,
} from '../fields.ts';
import {
  PROBE_OPTIONS,
  RELEASE_OPTIONS,
  ROLLBACK_OPTIONS,
  SERVE_OPTIONS,
  STORE_OPTIONS,
  SYNC_OPTIONS,
  URL_ARGUMENT,
  VERIFY_OPTIONS,
} from '../option.ts';
import { programsFrom } from '../programs.ts';
import { type Given, named, SettingError, together, validated } from '../read.ts';
import { requireKept } from '../retired-databases.ts';

const MEGABYTE = 1024 * 1024;

export interface ServeSettings {
  readonly store: string;
  readonly address: string;
  readonly port: number;
}

/** These flags and this process's environment. */
export function given(flags: Given['flags']): Given {
  return { flags, environment: process.env };
}

/** The folder that relative paths are meant from: `npm --prefix DIR run` starts us in DIR, wherever the user is. */
export function userFolder({ INIT_CWD, npm_lifecycle_event }: Environment = process.env): string {
  return npm_lifecycle_event === 'clamav-mirror' && INIT_CWD ? INIT_CWD : '.';
}

/** The inputs of the action: it hands each on as the variable of an option. */
export function givenInputs(): Given {
  return { flags: {}, environment: process.env, kind: 'input' };
}

/** Throws `setting/invalid`, which names the setting and what it takes. */
export function syncSettings(from: Given): CycleSettings {
  const { settings, where } = together({
    settings: () => validated(SyncSchema, SYNC_OPTIONS, from),
    where: () => storeSettings(from),
  });
  const { store, s3 } = where;
  const work = settings.work ?? workFolderOf(store);
  if (!isS3Address(store)) requireApart(store, work);
  else if (settings['restore-from'] !== undefined) throw restoresBucket(from);
  requireKept(settings.upstream, settings.databases);
  const record = settings.dns ?? usualRecord(settings.upstream);
  const drop = settings['max-signature-drop'];
  return {
    upstream: settings.upstream,
    databases: settings.databases,
    store,
    s3: { ...s3, maxSize: settings['max-size'] * MEGABYTE },
    work,
    dns: dnsFrom(record, settings.nameservers),
    window: settings.cdiffs,
    maxSize: settings['max-size'] * MEGABYTE,
    userAgent: (uuid) => settings['user-agent'] ?? userAgentOf(uuid),
    proxies: proxiesFrom(from.environment, settings['allow-private-redirects']),
    engines: settings.engines,
    samples: { clean: settings['clean-samples'], infected: settings['infected-samples'] },
    archive: settings.archive,
    maxMirrorSize: bytesOf(settings['max-mirror-size']),
    publicUrl: settings['public-url'],
    restoreFrom: settings['restore-from'],
    maxSignatureDrop: drop === undefined ? undefined : drop / 100,
    accept: settings.accept,
    retry: settings.retry === 'true',
    resync: settings.resync === 'true',
    dryRun: settings['dry-run'] === 'true',
  };
}

/** The work folder of a store, if nobody names another. */
export function workFolderOf(store: string): string {
  return isS3Address(store) ? resolve('mirror.work') : `${store}.work`;
}

/** Throws `setting/invalid`. */
export function storeSettings(from: Given): StoreSettings {
  const { store, ...given } = validated(StoreSchema, STORE_OPTIONS, from);
  const pathStyle = given['s3-path-style'];
  const { AWS_REGION, AWS_DEFAULT_REGION } = from.environment;
  const options: { readonly [Name in keyof S3Options]: S3Options[Name] | undefined } = {
    endpoint: given['s3-endpoint'],
    region: given['s3-region'] ?? (AWS_REGION || AWS_DEFAULT_REGION || undefined),
    pathStyle: pathStyle === undefined ? undefined : pathStyle === 'true',
    encryption: given['s3-encryption'],
    kmsKey: given['s3-kms-key'],
    storageClass: given['s3-storage-class'],
    acl: given['s3-acl'],
    proxies: isS3Address(store) ? proxiesFrom(from.environment) : undefined,
  };
  const s3: S3Options = Object.fromEntries(
    Object.entries(options).filter(([, value]) => value !== undefined),
  );
  try {
    if (isS3Address(store)) s3Settings(store, s3);
  } catch (cause) {
    throw new SettingError('setting/invalid', `${named('store', from)} ${explain(cause)}`, { cause });
  }
  return { store, s3 };
}

/** A store to be verified: the one of the settings, or this one. Throws `setting/invalid`. */
export function verifySettings(from: Given, store = from.flags.store): StoreSettings {
  const { where, limits } = together({
    where: () => storeSettings({ ...from, flags: { ...from.flags, store } }),
    limits: () => validated(VerifySchema, VERIFY_OPTIONS, from),
  });
  return { store: where.store, s3: { ...where.s3, maxSize: limits['max-size'] * MEGABYTE } };
}

/** Throws `setting/invalid`. */
export function rollbackSettings(from: Given): v.InferOutput<typeof RollbackSchema> {
  return validated(RollbackSchema, ROLLBACK_OPTIONS, from);
}

/** Throws `setting/invalid`. */
export function releaseSettings(from: Given): v.InferOutput<typeof ReleaseSchema> {
  return validated(ReleaseSchema, RELEASE_OPTIONS, from);
}

/** Throws `setting/invalid`. */
export function probeSettings(url: string, from: Given): ProbeSettings {
  const options = [URL_ARGUMENT, ...PROBE_OPTIONS];
  const settings = validated(ProbeSchema, options, { ...from, flags: { ...from.flags, url } });
  const { environment } = from;
  return {
    url: settings.url,
    databases: settings.databases,
    cdiffs: settings.cdiffs,
    maxSize: settings['max-size'] * MEGABYTE,
    dns: dnsFrom(settings.dns, settings.nameservers),
    userAgent: settings['user-agent'] ?? userAgentOf(randomUUID()),
    proxies: proxiesFrom(environment, settings['allow-private-redirects']),
    timeout: settings.timeout * 60_000,
    full: settings.full === 'true',
    client: settings.client === 'true' ? (environment.PATH ?? '') : undefined,
    environment: programsFrom(environment).environment.tools,
  };
}

/** Throws `setting/invalid`. */
export function serveSettings(from: Given): ServeSettings {
  return validated(ServeSchema, SERVE_OPTIONS, from);
}

/** Where to look for programs: a PATH. */
export function searchPath(): string {
  return programs().path;
}

/** The programs of this machine, with what they may know of this process's environment. */
export function programs(): Programs {
  return programsFrom(process.env);
}

/** True if no person is there to answer a question. */
export function isUnattended(): boolean {
  return Boolean(process.env.CI) || !process.stdin.isTTY;
}

export function dnsFrom(record: string, nameservers: readonly string[] = []): CycleSettings['dns'] {
  return record === 'off' ? undefined : { record, nameservers };
}

/** What is unproven must not lie where it is served, nor what is served where each run begins by clearing up. */
function requireApart(store: string, work: string): void {
  const apart = (from: string, to: string) => relative(from, to).split(sep)[0] === '..';
  if (apart(work, store) && apart(store, work)) return;
  throw new SettingError('setting/invalid', `--work ${work} and --store ${store} lie one within the other`, {
    advice: `Choose two folders side by side, as ${store} and ${store}.work`,
  });
}

/** A bucket keeps its manifest by itself. */
function restoresBucket(from: Given): SettingError {
  const what = `${named('restore-from', from)} is for a folder, and the store is a bucket`;
  return new SettingError('setting/invalid', what, { advice: 'Leave it out' });
}

function bytesOf(megabytes: number | undefined): number | undefined {
  return megabytes === undefined ? undefined : megabytes * MEGABYTE;
}

/** The usual variables, in lower and upper case. Throws `setting/invalid`. */
export function proxiesFrom(environment: Given['environment'], privateRedirects?: string): Proxies {
  const either = (name: string) => environment[name.toLowerCase()] || environment[name] || '';
  return {
    httpProxy: proxyUrl('HTTP_PROXY', either('HTTP_PROXY')),
    httpsProxy: proxyUrl('HTTPS_PROXY', either('HTTPS_PROXY')),
    noProxy: either('NO_PROXY'),
    ...(privateRedirects === 'true' && { privateRedirects: true }),
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
