import { FolderStore } from './folder.ts';
import { isS3Address, type S3Options, s3Settings } from './s3/address.ts';
import type { Store } from './store.ts';

/** Opens the store at a path of this machine or at `s3://bucket/prefix`. Throws `store/address`. */
export async function openStore(where: string, options: S3Options = {}): Promise<Store> {
  if (!isS3Address(where)) return new FolderStore(where);
  const settings = s3Settings(where, options);
  const { S3Store } = await import('./s3/store.ts'); // the SDK takes a moment to load
  return new S3Store(settings);
}
