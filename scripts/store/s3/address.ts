import type { Proxies } from '../../http/proxies.ts';
import { StoreError } from '../store.ts';

/** Address and options of an object store that speaks S3. The SDK finds the credentials in its usual sources. */
export interface S3Settings {
  readonly bucket: string;
  /** Empty, or ends with a slash. */
  readonly prefix: string;
  /** URL of the object store; `undefined` for AWS. */
  readonly endpoint: string | undefined;
  /** Region; `undefined` means the one of the profile, or `us-east-1` at an endpoint, as most vendors have it. */
  readonly region: string | undefined;
  /** True if URLs name the bucket in their path instead of their host. */
  readonly pathStyle: boolean;
  readonly encryption: 'AES256' | 'aws:kms' | undefined;
  /** Key for `aws:kms`; `undefined` for the default key of the bucket. */
  readonly kmsKey: string | undefined;
  /** Storage class; `undefined` for the default of the bucket. */
  readonly storageClass: string | undefined;
  /** Canned ACL. Most buckets today use a policy instead. */
  readonly acl: string | undefined;
  /** Proxies to use; `undefined` for none. */
  readonly proxies: Proxies | undefined;
  /** Bytes of the largest file to fetch from the bucket; `undefined` for the largest file of any mirror. */
  readonly maxSize: number | undefined;
  /** Attempts for one request; `undefined` for the number that suits a publication. */
  readonly attempts: number | undefined;
}

export type S3Options = Partial<Omit<S3Settings, 'bucket' | 'prefix'>>;

const ADDRESS = /^s3:\/\/([a-z0-9][a-z0-9._-]{1,61}[a-z0-9])(?:\/(.*))?$/;

/** True for the address of a bucket, false for a path. */
export function isS3Address(where: string): boolean {
  return /^s3:/i.test(where);
}

/** Parses `s3://bucket` or `s3://bucket/a/prefix`. Throws `store/address`. */
export function s3Settings(where: string, options: S3Options = {}): S3Settings {
  const [, bucket, path = ''] = ADDRESS.exec(where) ?? [];
  const parts = path.replace(/\/$/, '').split('/');
  const isPath = path === '' || parts.every((part) => /^(?!\.{1,2}$)[\w.!()'~ -]+$/.test(part));
  if (bucket === undefined || !isPath) {
    throw new StoreError(
      'store/address',
      `not the address of a bucket: ${where.replace(/\/\/.*@/, '//***@')}`,
      {
        advice: 'Use s3://bucket or s3://bucket/prefix, without credentials',
      },
    );
  }
  const { endpoint } = options;
  if (endpoint !== undefined) requireEndpoint(endpoint);
  return {
    bucket,
    prefix: path === '' ? '' : `${parts.join('/')}/`,
    endpoint,
    region: options.region,
    pathStyle: options.pathStyle ?? endpoint !== undefined,
    encryption: options.encryption,
    kmsKey: options.kmsKey,
    storageClass: options.storageClass,
    acl: options.acl,
    proxies: options.proxies,
    maxSize: options.maxSize,
    attempts: options.attempts,
  };
}

function requireEndpoint(endpoint: string): void {
  const url = URL.parse(endpoint);
  const isPlain =
    url !== null && /^https?:$/.test(url.protocol) && url.username === '' && url.password === '';
  if (isPlain && url.search === '' && url.hash === '') return;
  throw new StoreError(
    'store/address',
    'the endpoint of the object store is not a plain http:// or https:// URL',
    {
      advice: 'Use a URL like https://s3.example.com, without credentials',
    },
  );
}
