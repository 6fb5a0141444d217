import type { S3Options } from './s3/address.ts';

export interface StoreSettings {
  /** Absolute path, or `s3://bucket/prefix`. */
  readonly store: string;
  readonly s3: S3Options;
}
