import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { AbortMultipartUploadCommand, ListMultipartUploadsCommand } from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { FileError } from '../files/atomic.ts';
import type { Attributes, Bucket } from './s3-bucket.ts';
import { faultOf, storeError } from './s3-errors.ts';

const CHUNK = 256 * 1024;
/** Parts are held in memory, so many at a time; each is signed with its SHA-256, which the store checks. */
const PART = 8 * 1024 * 1024;
const PARTS = 3;

/**
 * Uploads a file that was proven to have this SHA-256. It is hashed while it is sent, and the object comes to be only
 * if what was sent still has that hash. Throws `file/changed`.
 */
export async function uploadProven(
  bucket: Bucket,
  name: string,
  path: string,
  options: { sha256: string; attributes: Attributes },
): Promise<void> {
  let changed: unknown;
  const bytes = async function* () {
    try {
      yield* provenBytes(path, options.sha256);
    } catch (error) {
      changed = error;
      throw error;
    }
  };
  const { client } = bucket;
  const params = { ...bucket.key(name), ...options.attributes, Body: Readable.from(bytes()) };
  try {
    await new Upload({ client, params, partSize: PART, queueSize: PARTS }).done();
  } catch (cause) {
    throw changed ?? storeError(cause, `write ${name} in ${bucket.where}`, 'store/failed');
  }
}

/** Reads a file to its end, which comes as `file/changed` if it does not have this SHA-256 any more. */
export async function* provenBytes(path: string, sha256: string): AsyncGenerator<Buffer> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: CHUNK })) {
    hash.update(chunk);
    yield chunk;
  }
  const found = hash.digest('hex');
  if (found === sha256) return;
  throw new FileError('file/changed', `${path} was proven as ${sha256} and is now ${found}`);
}

/** Ends the uploads below a name that were begun in parts and never completed. */
export async function abortUploads(bucket: Bucket, below: `${string}/`): Promise<void> {
  const { Bucket, Key: Prefix } = bucket.key(below);
  for (const { Key, UploadId } of await openUploads(bucket, below)) {
    if (Key?.startsWith(Prefix) !== true) continue;
    await bucket.client.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId })).catch((cause) => {
      if (faultOf(cause).status !== 404)
        throw storeError(cause, `end an upload in ${bucket.where}`, 'store/failed');
    });
  }
}

/** The first thousand, so that many of a run that was killed again and again go in a few runs. */
async function openUploads(bucket: Bucket, below: `${string}/`) {
  const { Bucket, Key: Prefix } = bucket.key(below);
  try {
    return (await bucket.client.send(new ListMultipartUploadsCommand({ Bucket, Prefix }))).Uploads ?? [];
  } catch (cause) {
    // Not every store and not every role can list them: those are for a lifecycle rule of the bucket.
    if ([400, 403, 405, 501].includes(faultOf(cause).status ?? 0)) return [];
    throw storeError(cause, `list uploads in ${bucket.where}`, 'store/unreadable');
  }
}
