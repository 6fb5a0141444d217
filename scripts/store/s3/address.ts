import type { Proxies } from '../../http/proxies.ts';
import { StoreError } from '../store.ts';

/** An object store that speaks S3. Credentials come from the SDK's usual sources, in its order. */
export interface S3Settings {
  readonly bucket: string;
  /** Empty, or ends with a slash. */
  readonly prefix: string;
  /** `undefined`: AWS. */
  readonly endpoint: string | undefined;
  /** `undefined`: that of the profile; else, at an endpoint, `us-east-1`, as most vendors have it. */
  readonly region: string | undefined;
  /** Whether the bucket is named in the path of URLs, and not in their host. */
  readonly pathStyle: boolean;
  readonly encryption: 'AES256' | 'aws:kms' | undefined;
  /** For `aws:kms`; `undefined`: the bucket's own. */
  readonly kmsKey: string | undefined;
  /** `undefined`: the bucket's default. */
  readonly storageClass: string | undefined;
  /** A canned ACL; most buckets of today have a policy instead. */
  readonly acl: string | undefined;
  /** `undefined`: none. */
  readonly proxies: Proxies | undefined;
  /** Bytes of the largest file that is taken from the bucket; `undefined`: the largest that any mirror takes. */
  readonly maxSize: number | undefined;
  /** How often a request is tried; `undefined`: as often as a publication has patience for. */
  readonly attempts: number | undefined;
}

export type S3Options = Partial<Omit<S3Settings, 'bucket' | 'prefix'>>;

const ADDRESS = /^s3:\/\/([a-z0-9][a-z0-9._-]{1,61}[a-z0-9])(?:\/(.*))?$/;

/** Is this the address of a bucket, rather than a path? */
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
        advice: 'It looks like s3://bucket or s3://bucket/prefix; credentials are no part of it',
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
      advice: 'It looks like https://s3.example.com; credentials are no part of it',
    },
  );
}
