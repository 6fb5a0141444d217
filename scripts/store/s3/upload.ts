import { createHash } from 'node:crypto';
import { type FileHandle, open, readFile } from 'node:fs/promises';
import {
  AbortMultipartUploadCommand,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import pLimit from 'p-limit';
import { FileError } from '../../files/atomic.ts';
import { isOurName } from '../file-name.ts';
import type { Attributes, Bucket } from './bucket.ts';
import { type Digests, digestsOf, PART_SIZE } from './digests.ts';
import { faultOf, storeError } from './errors.ts';
import type { Lease, NotedUpload } from './lease.ts';

/** Parts of all files to send at a time. Each takes one buffer, which is used again. */
const PARTS_AT_ONCE = 4;
/** Time to end open uploads in, when a publication ends. */
const ABORT_MS = 10_000;

/** One upload, as requests name it and as the lease notes it. */
interface Upload {
  readonly request: { readonly Bucket: string; readonly Key: string; readonly UploadId: string };
  readonly noted: NotedUpload;
}

/**
 * Multipart uploads of a publication. Their bytes wait in the store, invisible, until an upload is completed: then they
 * become the object in one step, without a copy.
 */
export class Uploads implements AsyncDisposable {
  readonly #bucket: Bucket;
  readonly #lease: Lease;
  readonly #open = new Set<Upload>();
  readonly #limit = pLimit(PARTS_AT_ONCE);
  readonly #buffers: Buffer[] = [];
  /** Aborted with the reason, once no more may be sent. */
  readonly #end = new AbortController();

  constructor(bucket: Bucket, lease: Lease) {
    this.#bucket = bucket;
    this.#lease = lease;
  }

  /**
   * Sends a file that was proven to have this SHA-256, and hashes it on the way. Returns the function that completes
   * the upload. Throws `file/changed`.
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
      const begun = await client.send(new CreateMultipartUploadCommand({ ...object, ...attributes }));
      const { UploadId = '' } = begun;
      const upload = { request: { ...object, UploadId }, noted: { name, id: UploadId } };
      this.#open.add(upload);
      await this.#lease.note(upload.noted); // noted before the first byte, so that a later run can end it
      const { Parts, found } = await this.#sendParts(file, size, async (PartNumber, Body) => {
        const part = new UploadPartCommand({ ...upload.request, PartNumber, Body });
        const { ETag } = await client.send(part).catch((cause) => this.#fail(name, cause)); // sends no further part
        return { PartNumber, ETag };
      });
      requireSame(path, sha256, found);
      return async () => await this.#complete(name, upload, Parts, sha256);
    } catch (cause) {
      return this.#fail(name, cause);
    }
  }

  /**
   * Ends the uploads that were not completed. All requests have settled by now. The next run ends what cannot be ended
   * here.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    const { client } = this.#bucket;
    const options = { abortSignal: AbortSignal.timeout(ABORT_MS) };
    const ends = [...this.#open].map(async ({ request, noted }) => {
      await client.send(new AbortMultipartUploadCommand(request), options).catch(ignoreGone);
      this.#lease.forget(noted);
    });
    await Promise.allSettled(ends);
  }

  /** Stops sending parts. */
  stop(): void {
    this.#end.abort();
  }

  #fail(name: string, cause: unknown): never {
    this.#end.abort(storeError(cause, `write ${name} in ${this.#bucket.where}`, 'store/failed'));
    throw this.#end.signal.reason; // the first failure
  }

  /** Sends all parts. Returns them in order, with the SHA-256 of all bytes. */
  async #sendParts(
    file: FileHandle,
    size: number,
    send: (number: number, bytes: Buffer) => Promise<CompletedPart>,
  ): Promise<{ Parts: CompletedPart[]; found: string }> {
    const hash = createHash('sha256');
    let last: Promise<unknown> = Promise.resolve();
    const read = async (buffer: Buffer, at: number, before: Promise<unknown>) => {
      const { bytesRead } = await file.read(buffer, 0, PART_SIZE, at * PART_SIZE);
      await before; // parts are hashed in order
      hash.update(buffer.subarray(0, bytesRead));
      return buffer.subarray(0, bytesRead);
    };
    const sendPart = async (at: number) => {
      this.#end.signal.throwIfAborted();
      const buffer = this.#buffers.pop() ?? Buffer.allocUnsafeSlow(PART_SIZE);
      try {
        const bytes = read(buffer, at, last);
        last = bytes;
        return await send(at + 1, await bytes);
      } finally {
        this.#buffers.push(buffer);
      }
    };
    const sent = Array.from({ length: Math.ceil(size / PART_SIZE) }, (_, at) => this.#limit(sendPart, at));
    await Promise.allSettled(sent);
    return { Parts: await Promise.all(sent), found: hash.digest('hex') };
  }

  async #complete(name: string, upload: Upload, Parts: CompletedPart[], sha256: string): Promise<void> {
    const bucket = this.#bucket;
    const complete = new CompleteMultipartUploadCommand({ ...upload.request, MultipartUpload: { Parts } });
    await bucket.client.send(complete).catch(async (cause) => {
      // an earlier attempt may have succeeded although its answer was lost
      if (faultOf(cause).status === 404 && (await bucket.head(name))?.sha256 === sha256) return;
      throw storeError(cause, `write ${name} in ${bucket.where}`, 'store/failed');
    });
    this.#open.delete(upload);
    this.#lease.forget(upload.noted);
  }
}

/** Reads a small file that was proven to have this SHA-256. Throws `file/changed`. */
export async function readProven(path: string, sha256: string): Promise<Buffer> {
  const bytes = await readFile(path);
  requireSame(path, sha256, createHash('sha256').update(bytes).digest('hex'));
  return bytes;
}

/** Digests of a file that was proven to have this SHA-256. Throws `file/changed` if it changed since. */
export async function provenDigests(path: string, sha256: string): Promise<Digests> {
  const digests = await digestsOf(path);
  requireSame(path, sha256, digests.sha256);
  return digests;
}

function requireSame(path: string, sha256: string, found: string): void {
  if (found === sha256) return;
  throw new FileError('file/changed', `${path} was proven as ${sha256} and is now ${found}`);
}

/** Ends the uploads that a killed run had noted in its lease. Other uploads belong to somebody else. */
export async function abortUploads(bucket: Bucket, lease: Lease): Promise<void> {
  for (const noted of lease.inherited) {
    const UploadId = noted.id;
    if (isOurName(noted.name)) {
      const abort = new AbortMultipartUploadCommand({ ...bucket.key(noted.name), UploadId });
      await bucket.client.send(abort).catch((cause) => {
        if (faultOf(cause).status === 404) return;
        throw storeError(cause, `end an upload in ${bucket.where}`, 'store/failed');
      });
    }
    lease.forget(noted);
  }
}

function ignoreGone(cause: unknown): void {
  if (faultOf(cause).status !== 404) throw cause;
}
