import { createHash } from 'node:crypto';
import { type FileHandle, open, readFile } from 'node:fs/promises';
import {
  AbortMultipartUploadCommand,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  ListMultipartUploadsCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import pLimit from 'p-limit';
import { ARCHIVE_FOLDER, parseFileName } from '../cvd/names.ts';
import { FileError } from '../files/atomic.ts';
import type { Attributes, Bucket } from './s3-bucket.ts';
import { faultOf, storeError } from './s3-errors.ts';

/** Bytes of a part: large ones keep requests few. Each is signed with its SHA-256, which the store checks. */
const PART = 8 * 1024 * 1024;
/** Parts on their way at a time, of whatever file, each in memory that is used again. */
const PARTS = 4;
/** Milliseconds. */
const END_TIMEOUT = 10_000;

type Upload = { readonly Bucket: string; readonly Key: string; readonly UploadId: string | undefined };

/**
 * Files on their way into a bucket in parts. Their bytes wait in the store, seen by nobody, until an upload is completed:
 * this makes them the object of their name in one step, without a copy.
 */
export class Uploads implements AsyncDisposable {
  readonly #bucket: Bucket;
  readonly #open = new Set<Upload>();
  readonly #limit = pLimit(PARTS);
  readonly #buffers: Buffer[] = [];
  /** Tells why nothing more is to be sent, once that is so. */
  readonly #end = new AbortController();

  constructor(bucket: Bucket) {
    this.#bucket = bucket;
  }

  /**
   * Sends a file that was proven to have this SHA-256; it is hashed while it is sent. Returns what completes it.
   * Throws `file/changed`.
   */
  async send(
    name: string,
    path: string,
    { size, sha256, attributes }: { size: number; sha256: string; attributes: Attributes },
  ): Promise<() => Promise<void>> {
    const { client } = this.#bucket;
    const object = this.#bucket.key(name);
    try {
      this.#end.signal.throwIfAborted();
      await using file = await open(path);
      const { UploadId } = await client.send(new CreateMultipartUploadCommand({ ...object, ...attributes }));
      const upload = { ...object, UploadId };
      this.#open.add(upload);
      const { Parts, found } = await this.#sendParts(file, size, async (PartNumber, Body) => {
        const part = new UploadPartCommand({ ...upload, PartNumber, Body });
        const { ETag } = await client.send(part).catch((cause) => this.#fail(name, cause)); // no part after it
        return { PartNumber, ETag };
      });
      requireSame(path, sha256, found);
      return async () => await this.#complete(name, upload, Parts, sha256);
    } catch (cause) {
      return this.#fail(name, cause);
    }
  }

  /** Ends what was not completed; all that was sent has settled. What cannot be ended now is ended by the next run. */
  async [Symbol.asyncDispose](): Promise<void> {
    const { client } = this.#bucket;
    const options = { abortSignal: AbortSignal.timeout(END_TIMEOUT) };
    const ends = [...this.#open].map((upload) =>
      client.send(new AbortMultipartUploadCommand(upload), options),
    );
    await Promise.allSettled(ends);
  }

  /** Sends no further parts. */
  stop(): void {
    this.#end.abort();
  }

  #fail(name: string, cause: unknown): never {
    this.#end.abort(storeError(cause, `write ${name} in ${this.#bucket.where}`, 'store/failed'));
    throw this.#end.signal.reason; // the first failure
  }

  /** The parts in their order, and the SHA-256 of all. */
  async #sendParts(
    file: FileHandle,
    size: number,
    send: (number: number, bytes: Buffer) => Promise<CompletedPart>,
  ): Promise<{ Parts: CompletedPart[]; found: string }> {
    const hash = createHash('sha256');
    let last: Promise<unknown> = Promise.resolve();
    const read = async (buffer: Buffer, at: number, before: Promise<unknown>) => {
      const { bytesRead } = await file.read(buffer, 0, PART, at * PART);
      await before; // parts are hashed one after the other
      hash.update(buffer.subarray(0, bytesRead));
      return buffer.subarray(0, bytesRead);
    };
    const sendPart = async (at: number) => {
      this.#end.signal.throwIfAborted();
      const buffer = this.#buffers.pop() ?? Buffer.allocUnsafeSlow(PART);
      try {
        const bytes = read(buffer, at, last);
        last = bytes;
        return await send(at + 1, await bytes);
      } finally {
        this.#buffers.push(buffer);
      }
    };
    const sent = Array.from({ length: Math.ceil(size / PART) }, (_, at) => this.#limit(sendPart, at));
    await Promise.allSettled(sent);
    return { Parts: await Promise.all(sent), found: hash.digest('hex') };
  }

  async #complete(name: string, upload: Upload, Parts: CompletedPart[], sha256: string): Promise<void> {
    const bucket = this.#bucket;
    const complete = new CompleteMultipartUploadCommand({ ...upload, MultipartUpload: { Parts } });
    await bucket.client.send(complete).catch(async (cause) => {
      // the answer to a first attempt may have been lost
      if (faultOf(cause).status === 404 && (await bucket.head(name))?.sha256 === sha256) return;
      throw storeError(cause, `write ${name} in ${bucket.where}`, 'store/failed');
    });
    this.#open.delete(upload);
  }
}

/** A small file that was proven to have this SHA-256. Throws `file/changed`. */
export async function readProven(path: string, sha256: string): Promise<Buffer> {
  const bytes = await readFile(path);
  requireSame(path, sha256, createHash('sha256').update(bytes).digest('hex'));
  return bytes;
}

/** Reads a file that has this SHA-256 to its end. Throws `file/changed` if it has another one by now. */
export async function requireProven(path: string, sha256: string): Promise<void> {
  const hash = createHash('sha256');
  const buffer = Buffer.allocUnsafeSlow(1024 * 1024); // one for all: this runs beside uploads
  await using file = await open(path);
  for (;;) {
    const { bytesRead } = await file.read(buffer);
    if (bytesRead === 0) break;
    hash.update(buffer.subarray(0, bytesRead));
  }
  requireSame(path, sha256, hash.digest('hex'));
}

function requireSame(path: string, sha256: string, found: string): void {
  if (found === sha256) return;
  throw new FileError('file/changed', `${path} was proven as ${sha256} and is now ${found}`);
}

/** Ends the uploads that a run which was killed left behind; no one else may be sending such files. */
export async function abortUploads(bucket: Bucket): Promise<void> {
  const { Bucket, Key: prefix } = bucket.key('');
  for (const { Key = '', UploadId } of await openUploads(bucket)) {
    if (!isOurs(Key.slice(prefix.length))) continue;
    await bucket.client.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId })).catch((cause) => {
      if (faultOf(cause).status !== 404)
        throw storeError(cause, `end an upload in ${bucket.where}`, 'store/failed');
    });
  }
}

/** Would a publication send it? What the mirror's owner puts beside it has other names. */
function isOurs(name: string): boolean {
  return parseFileName(name) !== undefined && !name.startsWith('local_');
}

/** The first thousand, so that many of a run that was killed again and again go in a few runs. */
async function openUploads(bucket: Bucket) {
  const list = async (below: '' | `${string}/`) => {
    const { Bucket, Key: Prefix } = bucket.key(below);
    const command = new ListMultipartUploadsCommand({ Bucket, Prefix, Delimiter: '/' });
    return (await bucket.client.send(command)).Uploads ?? [];
  };
  try {
    return (await Promise.all([list(''), list(`${ARCHIVE_FOLDER}/`)])).flat();
  } catch (cause) {
    // Not every store and not every role can list them: those are for a lifecycle rule of the bucket.
    if ([400, 403, 405, 501].includes(faultOf(cause).status ?? 0)) return [];
    throw storeError(cause, `list uploads in ${bucket.where}`, 'store/unreadable');
  }
}
