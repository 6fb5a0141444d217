import { isIP } from 'node:net';
import { resolve } from 'node:path';
import * as v from 'valibot';
import { MANIFEST_DATABASES } from '../base/limits/manifest.ts';
import { DATABASE_NAME } from '../cvd/names.ts';
import { parseEngineSpec } from '../engine/spec.ts';
import { isHttp } from '../http/is-http.ts';
import { isS3Address } from '../store/s3/address.ts';
import { yesOrNo } from './boolean.ts';

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
export const wholeNumber = (least: number, most: number) =>
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
  v.maxLength(MANIFEST_DATABASES, `names more than ${MANIFEST_DATABASES} databases`),
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
/** A switch, however it is written. */
export const TrueOrFalse = v.pipe(
  v.string(),
  v.check((text) => yesOrNo(text) !== undefined, 'is either true or false (1, 0, yes, no, on, off will do)'),
  v.transform((text): 'true' | 'false' => (yesOrNo(text) === true ? 'true' : 'false')),
);
const DnsRecordName = v.pipe(v.string(), v.regex(/^[A-Za-z0-9._-]{1,253}$/, 'is not a name of a DNS record'));
export const FilePath = v.pipe(
  v.string(),
  v.minLength(1, 'is empty'),
  v.transform((path) => resolve(path)),
);

export const StoreSchema = v.object({
  store: v.pipe(
    v.string(),
    v.minLength(1, 'is empty'),
    v.transform((where) => (isS3Address(where) ? where : resolve(where))),
  ),
  's3-endpoint': v.optional(Url),
  's3-region': v.optional(HeaderText),
  's3-path-style': v.optional(TrueOrFalse),
  's3-encryption': v.optional(v.picklist(['AES256', 'aws:kms'], 'is either AES256 or aws:kms')),
  's3-kms-key': v.optional(HeaderText),
  's3-storage-class': v.optional(HeaderText),
  's3-acl': v.optional(HeaderText),
});

export const SyncSchema = v.object({
  upstream: Url,
  databases: Databases,
  work: v.optional(FilePath),
  dns: v.optional(DnsRecordName),
  nameservers: v.optional(list(Nameserver)),
  cdiffs: wholeNumber(1, 1000),
  'max-size': wholeNumber(1, 16_384),
  'user-agent': v.optional(HeaderText),
  'allow-private-redirects': v.optional(TrueOrFalse),
  engines: v.optional(Engines),
  'clean-samples': v.optional(FilePath),
  'infected-samples': v.optional(FilePath),
  archive: wholeNumber(0, 100),
  'max-mirror-size': v.optional(wholeNumber(1, 1_000_000)),
  'public-url': v.optional(Url),
  'restore-from': v.optional(Url),
  'max-signature-drop': v.optional(wholeNumber(0, 100)),
  accept: v.optional(Reason),
  retry: v.optional(TrueOrFalse),
  resync: v.optional(TrueOrFalse),
  'dry-run': v.optional(TrueOrFalse),
});

export const VerifySchema = v.pick(SyncSchema, ['max-size']);

/** The password in the URL of a mirror is sent to it, and printed nowhere. */
export const ProbeSchema = v.object({
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
  'allow-private-redirects': v.optional(TrueOrFalse),
  full: v.optional(TrueOrFalse),
  client: v.optional(TrueOrFalse),
  timeout: wholeNumber(1, 1440),
});

export const RollbackSchema = v.object({
  database: v.pipe(v.string(), v.regex(DATABASE_NAME, 'takes a name such as daily')),
  to: wholeNumber(1, 999_999_999),
  reason: Reason,
});

export const ReleaseSchema = v.pick(RollbackSchema, ['database']);

export const ServeSchema = v.object({
  store: FilePath,
  address: v.pipe(
    v.string(),
    v.check((text) => isIP(text) !== 0, 'is not an IP address'),
  ),
  port: wholeNumber(0, 65_535),
});

/** The host of `192.0.2.1:53` or `[2001:db8::1]:53`, else nothing. */
function hostOf(address: string): string {
  const [, ipv6, ipv4, port] = /^(?:\[(.+)\]|([\d.]+)):(\d{1,5})$/.exec(address) ?? [];
  return Number(port) >= 1 && Number(port) <= 65_535 ? (ipv6 ?? ipv4 ?? '') : '';
}
