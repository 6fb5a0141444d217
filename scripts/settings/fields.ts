import { isIP } from 'node:net';
import { resolve } from 'node:path';
import * as v from 'valibot';
import { MANIFEST_DATABASES } from '../base/limits/manifest.ts';
import { UPSTREAMS } from '../base/limits/upstream.ts';
import { DATABASE_NAME } from '../cvd/names.ts';
import { parseEngineSpec } from '../engine/spec.ts';
import { hasEncodedCredentials, NOT_ENCODED } from '../http/credentials.ts';
import { isHttp } from '../http/is-http.ts';
import { isOverHttps } from '../upstream/dns.ts';
import { yesOrNo } from './boolean.ts';
import { hasForm, wordsIn } from './form.ts';

/** Refuses a URL whose user and password cannot be decoded, and so not be sent. */
export const canBeSent = () =>
  v.check<string, string>((text) => {
    const url = URL.parse(text);
    return url === null || hasEncodedCredentials(url); // another check refuses what is no URL
  }, NOT_ENCODED);

/** Several values of one kind, separated by commas or newlines. */
export const list = <Item>(item: v.GenericSchema<string, Item>) =>
  v.pipe(
    v.string(),
    hasForm({ kind: 'list', separator: ',' }),
    v.transform((text) => wordsIn(text)),
    v.array(item),
  );

export const Url = v.pipe(
  v.string(),
  v.check((url) => isHttp(url), 'must be a URL that starts with http:// or https://'),
  v.check((url) => !/[?#]/.test(url), 'must not have a query or fragment'),
  v.check(
    (url) => URL.parse(url)?.username === '' && URL.parse(url)?.password === '',
    'must not have a password: the address is published in the manifest',
  ),
  v.transform((url) => url.replace(/\/+$/, '')),
);
/** Upstreams in the order in which they are asked, each once. */
export const Upstreams = v.pipe(
  list(Url),
  v.minLength(1, 'names no upstream'),
  v.maxLength(UPSTREAMS, `names more than ${UPSTREAMS} upstreams`),
  v.transform((urls) => [...new Set(urls)]),
);
export const wholeNumber = (least: number, most: number) =>
  v.pipe(
    v.string(),
    hasForm({ kind: 'number', least, most }),
    v.regex(/^\d{1,9}$/, 'is not a whole number'),
    v.transform(Number),
    v.minValue(least, `must be ${least} or more`),
    v.maxValue(most, `must be ${most} or less`),
  );
/** Given in megabytes, meant in bytes. */
export const megabytes = (least: number, most: number) => times(wholeNumber(least, most), 1024 * 1024);
/** Given in minutes, meant in milliseconds. */
export const minutes = (least: number, most: number) => times(wholeNumber(least, most), 60_000);
/** Given in hours, meant in milliseconds. */
export const hours = (least: number, most: number) => times(wholeNumber(least, most), 3_600_000);
const times = (count: v.GenericSchema<string, number>, unit: number) =>
  v.pipe(
    count,
    v.transform((number) => number * unit),
  );
export const DatabaseName = v.pipe(v.string(), v.regex(DATABASE_NAME, 'takes a name such as daily'));
export const Databases = v.pipe(
  list(v.pipe(v.string(), v.regex(DATABASE_NAME, 'takes names such as main,daily,bytecode'))),
  v.minLength(1, 'names no database'),
  v.maxLength(MANIFEST_DATABASES, `names more than ${MANIFEST_DATABASES} databases`),
  v.transform((names) => [...new Set(names)]),
);
const isResolver = (text: string) => isOverHttps(text) && v.is(Url, text);
const Nameserver = v.pipe(
  v.string(),
  v.check(
    (text) => isIP(text) !== 0 || isIP(hostOf(text)) !== 0 || isResolver(text),
    'takes IP addresses, and https:// URLs of resolvers',
  ),
);
export const Nameservers = list(Nameserver);
export const HeaderText = v.pipe(v.string(), v.regex(/^[\x20-\x7e]{1,300}$/, 'must be printable ASCII'));
export const Reason = v.pipe(
  v.string(),
  v.trim(),
  v.regex(/^[^\p{Cc}]{3,500}$/u, 'takes a reason in one line of at least three characters'),
);
export const Engines = v.pipe(
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
export const Switch = v.pipe(
  v.string(),
  hasForm({ kind: 'switch' }),
  v.check((text) => yesOrNo(text) !== undefined, 'is either true or false (1, 0, yes, no, on, off will do)'),
  v.transform((text) => yesOrNo(text) === true),
);
export const DnsRecordName = v.pipe(
  v.string(),
  v.regex(/^[A-Za-z0-9._-]{1,253}$/, 'is not a name of a DNS record'),
);
/** A record, or the resolver that is asked for the official one over HTTPS. */
export const DnsSource = v.pipe(
  v.string(),
  v.check(
    (text) => isResolver(text) || v.is(DnsRecordName, text),
    'is neither the name of a DNS record nor the https:// URL of a resolver',
  ),
);
export const FilePath = v.pipe(
  v.string(),
  hasForm({ kind: 'path' }),
  v.minLength(1, 'is empty'),
  v.transform((path) => resolve(path)),
);

/** The address of a mirror; a user and password in it are sent to it, and printed nowhere. */
export const MirrorUrl = v.pipe(
  v.string(),
  v.check(
    (url) => isHttp(url) && !/[?#]/.test(url),
    'must be a plain URL that starts with http:// or https://',
  ),
  canBeSent(),
  v.transform((url) => url.replace(/\/+$/, '')),
);

/** The host of `192.0.2.1:53` or `[2001:db8::1]:53`, else nothing. */
function hostOf(address: string): string {
  const [, ipv6, ipv4, port] = /^(?:\[(.+)\]|([\d.]+)):(\d{1,5})$/.exec(address) ?? [];
  return Number(port) >= 1 && Number(port) <= 65_535 ? (ipv6 ?? ipv4 ?? '') : '';
}
