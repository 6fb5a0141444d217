import { resolve } from 'node:path';
import * as v from 'valibot';
import { explain } from '../../base/errors.ts';
import { isS3Address, type S3Options, s3Settings } from '../../store/s3/address.ts';
import type { StoreSettings } from '../../store/settings.ts';
import { HeaderText, Switch, Url } from '../fields.ts';
import { hasForm } from '../form.ts';
import { NETWORK_OPTIONS, networkFrom } from '../network.ts';
import type { Option } from '../option.ts';
import { type Given, named, SettingError, validated } from '../read.ts';

/** For a store that may be a bucket; credentials come from the usual variables, files, or OIDC. */
export const STORE_OPTIONS = [
  {
    name: 'store',
    value: '<where>',
    help: 'where the published mirror is kept: a folder, or s3://bucket/prefix',
    fallback: './mirror',
    schema: v.pipe(
      v.string(),
      hasForm({ kind: 'path' }),
      v.minLength(1, 'is empty'),
      v.transform((where) => (isS3Address(where) ? where : resolve(where))),
    ),
  },
  {
    name: 's3-endpoint',
    value: '<url>',
    help: 'URL of the object store',
    usually: 'AWS',
    example: 'https://s3.example',
    schema: Url,
  },
  {
    name: 's3-region',
    value: '<name>',
    help: 'region of the bucket',
    usually: 'from AWS variables or the AWS profile, else us-east-1 if there is an endpoint',
    example: 'eu-central-1',
    schema: HeaderText,
  },
  {
    name: 's3-path-style',
    value: '<yes|no>',
    help: "put the bucket's name into the path of the URL",
    usually: 'yes with an endpoint, else no',
    schema: Switch,
  },
  {
    name: 's3-encryption',
    value: '<kind>',
    help: 'server-side encryption: AES256 or aws:kms',
    usually: 'the setting of the bucket',
    schema: v.picklist(['AES256', 'aws:kms'], 'is either AES256 or aws:kms'),
  },
  { name: 's3-kms-key', value: '<id>', help: 'key for aws:kms', example: 'alias/clamav', schema: HeaderText },
  {
    name: 's3-storage-class',
    value: '<name>',
    help: 'storage class such as STANDARD_IA',
    usually: 'the setting of the bucket',
    example: 'STANDARD_IA',
    schema: HeaderText,
  },
  {
    name: 's3-acl',
    value: '<name>',
    help: 'canned ACL such as public-read, for buckets that still use ACLs',
    example: 'public-read',
    schema: HeaderText,
  },
  ...NETWORK_OPTIONS,
] as const satisfies readonly Option[];

/** Throws `setting/invalid`. */
export function storeSettings(from: Given): StoreSettings {
  const { store, ...given } = validated(STORE_OPTIONS, from);
  const { AWS_REGION, AWS_DEFAULT_REGION } = from.environment;
  const options: { readonly [Name in keyof S3Options]: S3Options[Name] | undefined } = {
    endpoint: given['s3-endpoint'],
    region: given['s3-region'] ?? (AWS_REGION || AWS_DEFAULT_REGION || undefined),
    pathStyle: given['s3-path-style'],
    encryption: given['s3-encryption'],
    kmsKey: given['s3-kms-key'],
    storageClass: given['s3-storage-class'],
    acl: given['s3-acl'],
    proxies: isS3Address(store) ? networkFrom(from) : undefined,
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

/** The work folder of a store, if nobody names another. */
export function workFolderOf(store: string): string {
  return isS3Address(store) ? resolve('mirror.work') : `${store}.work`;
}
