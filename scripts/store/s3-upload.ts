import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, open, readFile } from 'node:fs/promises';
import {
  AbortMultipartUploadCommand,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  ListMultipartUploadsCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { FileError } from '../files/atomic.ts';
import type { Attributes, Bucket } from './s3-bucket.ts';
import { faultOf, storeError } from './s3-errors.ts';

const CHUNK = 256 * 1024;
/** Each part is signed with its SHA-256, which the store checks. */
const PART = 8 * 1024 * 1024;
/** Parts on their way at a time, each in memory that is used again. */
const PARTS = 3;

/**
 * Uploads a file in parts that was proven to have this SHA-256. It is hashed while it is sent, and the object comes to be only
 * if what was sent still has that hash. Throws `file/changed`.
 */
export async function uploadProven(
  bucket: Bucket,
  name: string,
  path: string,
  { sha256, attributes }: { sha256: string; attributes: Attributes },
): Promise<void> {
  const file = await open(path);
  try {
    const object = { ...bucket.key(name), ...attributes };
    await putParts(bucket, object, file, (found) => requireSame(path, sha256, found));
  } catch (cause) {
    throw storeError(cause, `write ${name} in ${bucket.where}`, 'store/failed');
  } finally {
    await file.close();
  }
}

/** A small file that was proven to have this SHA-256. Throws `file/changed`. */
export async function readProven(path: string, sha256: string): Promise<Buffer> {
  const bytes = await readFile(path);
  requireSame(path, sha256, createHash('sha256').update(bytes).digest('hex'));
  return bytes;
}

type Target = Attributes & { readonly Bucket: string; readonly Key: string };

async function putParts(
  { client }: Bucket,
  object: Target,
  file: FileHandle,
  require: (sha256: string) => void,
): Promise<void> {
  const { UploadId } = await client.send(new CreateMultipartUploadCommand(object));
  const upload = { Bucket: object.Bucket, Key: object.Key, UploadId };
  try {
    const { Parts, sha256 } = await sendParts(file, async (PartNumber, Body) => {
      const { ETag } = await client.send(new UploadPartCommand({ ...upload, PartNumber, Body }));
      return { PartNumber, ETag };
    });
    require(sha256);
    await client.send(new CompleteMultipartUploadCommand({ ...upload, MultipartUpload: { Parts } }));
  } catch (error) {
    await client.send(new AbortMultipartUploadCommand(upload)).catch(() => {}); // else the next run does it
    throw error;
  }
}

/** Reads a file to its end in parts, one after the other, and sends some of them at a time. */
async function sendParts(
  file: FileHandle,
  send: (number: number, bytes: Buffer) => Promise<CompletedPart>,
): Promise<{ Parts: CompletedPart[]; sha256: string }> {
  const hash = createHash('sha256');
  const Parts: CompletedPart[] = [];
  let count = 0;
  let failed = false;
  let reading: Promise<unknown> = Promise.resolve();
  const readNext = async (buffer: Buffer) => {
    const { bytesRead } = await file.read(buffer, 0, PART, count * PART);
    const bytes = buffer.subarray(0, bytesRead);
    hash.update(bytes);
    if (bytesRead > 0) count++;
    return { number: count, bytes };
  };
  const work = async () => {
    const buffer = Buffer.allocUnsafeSlow(PART);
    while (!failed) {
      const next = reading.then(() => readNext(buffer));
      reading = next;
      const { number, bytes } = await next;
      if (bytes.length === 0) return;
      Parts[number - 1] = await send(number, bytes);
    }
  };
  const workers = Array.from({ length: PARTS }, () =>
    work().catch((error) => {
      failed = true;
      throw error;
    }),
  );
  await Promise.allSettled(workers);
  await Promise.all(workers);
  return { Parts, sha256: hash.digest('hex') };
}

/** Reads a file that has this SHA-256 to its end. Throws `file/changed` if it has another one by now. */
export async function requireProven(path: string, sha256: string): Promise<void> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: CHUNK })) hash.update(chunk);
  requireSame(path, sha256, hash.digest('hex'));
}

function requireSame(path: string, sha256: string, found: string): void {
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
