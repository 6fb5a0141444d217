import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as wait } from 'node:timers/promises';
import {
  CopyObjectCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  type ObjectCannedACL,
  PutObjectCommand,
  S3Client,
  type StorageClass,
} from '@aws-sdk/client-s3';
import { proxyFor, regionFor } from './s3-connection.ts';
import { faultOf, storeError } from './s3-errors.ts';
import type { S3Settings } from './s3-settings.ts';
import { StoreError } from './store.ts';

/** Milliseconds. */
const CONNECT_TIMEOUT = 10_000;
/** Without a byte on the wire. */
const IDLE_TIMEOUT = 60_000;
/** The SDK waits longer before each attempt, by chance and at most 20 s. */
const ATTEMPTS = 6;
/** For a body that is cut, which the SDK does not try again. */
const DOWNLOADS = 4;

/** How an object is stored: what S3 calls it, for a PUT, a copy and a multipart upload alike. */
export interface Attributes {
  readonly ContentType?: string;
  readonly CacheControl?: string;
  readonly Metadata?: Record<string, string>;
  readonly ServerSideEncryption?: 'AES256' | 'aws:kms';
  readonly SSEKMSKeyId?: string;
  readonly StorageClass?: StorageClass;
  readonly ACL?: ObjectCannedACL;
}

/** `If-None-Match: *`, or `If-Match` with the tag as this store wants it. */
export type Condition = { readonly IfNoneMatch: '*' } | { readonly IfMatch: string };

/** What is known of an object without its bytes. */
export interface ObjectHead {
  readonly size: number;
  readonly tag: string;
  readonly sha256: string | undefined;
}

/** One prefix of a bucket: single requests, with errors that are ours. Names are without the prefix. */
export class Bucket {
  readonly settings: S3Settings;
  readonly client: S3Client;
  readonly where: string;
  #clockOffset = 0;

  constructor(settings: S3Settings) {
    this.settings = settings;
    const { bucket, prefix, endpoint, pathStyle, proxies } = settings;
    this.where = `s3://${bucket}/${prefix}`.replace(/\/$/, '');
    this.client = new S3Client({
      ...(endpoint !== undefined && { endpoint }),
      ...regionFor(settings),
      forcePathStyle: pathStyle,
      maxAttempts: ATTEMPTS,
      // Older servers know no checksum trailers (411, 501). Bodies are signed with their SHA-256 instead.
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
      expectContinueHeader: false, // not every server answers it
      requestHandler: {
        connectionTimeout: CONNECT_TIMEOUT,
        socketTimeout: IDLE_TIMEOUT,
        ...proxyFor(proxies),
      },
    });
    this.client.middlewareStack.add(
      (next) => async (args) => {
        const result = await next(args);
        this.#readClock(result.response);
        return result;
      },
      { step: 'deserialize', priority: 'high', name: 'readClock' },
    );
  }

  /** The store's time, by its last answer: publishers compare no clocks of their own. Milliseconds. */
  now(): number {
    return Date.now() + this.#clockOffset;
  }

  #readClock(response: unknown): void {
    if (typeof response !== 'object' || response === null || !('headers' in response)) return;
    const { headers } = response;
    const date = typeof headers === 'object' && headers !== null && 'date' in headers ? headers.date : '';
    const time = Date.parse(String(date));
    if (!Number.isNaN(time)) this.#clockOffset = time - Date.now();
  }

  /** Bucket and key of an object, as every request names it. */
  key(name: string): { Bucket: string; Key: string } {
    return { Bucket: this.settings.bucket, Key: this.settings.prefix + name };
  }

  /** A small object whole; `undefined` if there is none. */
  async read(name: string): Promise<{ text: string; tag: string; modified: number } | undefined> {
    return await this.#reading(name, async () => {
      const { Body, ETag = '', LastModified } = await this.client.send(new GetObjectCommand(this.key(name)));
      const text = (await Body?.transformToString('utf-8')) ?? '';
      return { text, tag: ETag, modified: LastModified?.getTime() ?? this.now() };
    });
  }

  async head(name: string): Promise<ObjectHead | undefined> {
    return await this.#reading(name, async () => {
      const { ContentLength, ETag, Metadata } = await this.client.send(new HeadObjectCommand(this.key(name)));
      return { size: ContentLength ?? -1, tag: ETag ?? '', sha256: Metadata?.sha256 };
    });
  }

  /** At most so many bytes of an object's beginning. Throws `store/missing`. */
  async readStart(name: string, length: number): Promise<Buffer> {
    const start = await this.#reading(name, async () => {
      const Range = `bytes=0-${length - 1}`;
      const { Body } = await this.client.send(new GetObjectCommand({ ...this.key(name), Range }));
      if (!(Body instanceof Readable)) throw new Error('an answer without a body');
      const chunks: Buffer[] = [];
      let size = 0;
      for await (const chunk of Body) {
        chunks.push(chunk);
        size += chunk.length;
        if (size >= length) break; // leaving the loop hangs up on a store without Range
      }
      return Buffer.concat(chunks).subarray(0, length);
    });
    if (start === undefined) throw new StoreError('store/missing', `${this.where} has no ${name}`);
    return start;
  }

  /** Copies an object to a path on this machine. Throws `store/missing`. */
  async download(name: string, path: string): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      const body = await this.#reading(name, async () => {
        const { Body } = await this.client.send(new GetObjectCommand(this.key(name)));
        if (!(Body instanceof Readable)) throw new Error('an answer without a body');
        return Body;
      });
      if (body === undefined) throw new StoreError('store/missing', `${this.where} has no ${name}`);
      try {
        return await pipeline(body, createWriteStream(path));
      } catch (cause) {
        const error = storeError(cause, `read ${name} in ${this.where}`, 'store/unreadable');
        if (attempt === DOWNLOADS || !isCut(cause)) throw isCut(cause) ? error : cause;
        await wait(200 * 2 ** attempt);
      }
    }
  }

  /** Writes a small object. Returns its tag; `undefined` if the condition does not hold. */
  async write(
    name: string,
    content: string | Buffer,
    attributes: Attributes,
    condition?: Condition,
  ): Promise<string | undefined> {
    try {
      const Body = Buffer.from(content);
      const put = new PutObjectCommand({ ...this.key(name), ...attributes, Body, ...condition });
      return (await this.client.send(put)).ETag ?? '';
    } catch (cause) {
      const { name: fault, status = 0 } = faultOf(cause);
      // 404: there is nothing to replace
      if (condition !== undefined && fault !== 'NoSuchBucket' && [404, 409, 412].includes(status))
        return undefined;
      throw storeError(cause, `write ${name} in ${this.where}`, 'store/failed');
    }
  }

  /** Copies an object within the store; false if it has no such copies, as Ceph 16 of what is encrypted. */
  async copy(from: string, to: string, attributes: Attributes): Promise<boolean> {
    const { Bucket: bucket, Key } = this.key(from);
    const CopySource = [bucket, ...Key.split('/')].map(encodeURIComponent).join('/');
    const copy = { ...this.key(to), ...attributes, CopySource, MetadataDirective: 'REPLACE' } as const;
    try {
      await this.client.send(new CopyObjectCommand(copy));
      return true;
    } catch (cause) {
      if (faultOf(cause).status === 501) return false;
      throw storeError(cause, `write ${to} in ${this.where}`, 'store/failed');
    }
  }

  /** It may be gone already. */
  async remove(name: string, options: { abortSignal?: AbortSignal } = {}): Promise<void> {
    await this.client.send(new DeleteObjectCommand(this.key(name)), options).catch((cause) => {
      if (faultOf(cause).name === 'NoSuchKey') return;
      throw storeError(cause, `remove ${name} from ${this.where}`, 'store/failed');
    });
  }

  /** The objects below a name that ends with a slash, or at the top; those further below only if `deep`. */
  async list(below: '' | `${string}/`, options: { deep?: boolean } = {}): Promise<ObjectEntry[]> {
    const { Bucket: bucket, Key } = this.key(below);
    const found: ObjectEntry[] = [];
    let after: string | undefined;
    do {
      const page = await this.#listing(async () => {
        const list = { Bucket: bucket, Prefix: Key, EncodingType: 'url', ContinuationToken: after } as const;
        return await this.client.send(
          new ListObjectsV2Command({ ...list, ...(options.deep !== true && { Delimiter: '/' }) }),
        );
      });
      for (const { Key: key = '', Size = -1, LastModified } of page.Contents ?? []) {
        const name = page.EncodingType === 'url' ? decodeURIComponent(key.replaceAll('+', ' ')) : key;
        if (name === Key) continue; // some tools make an object of the prefix itself
        found.push({
          name: name.slice(this.settings.prefix.length),
          size: Size,
          modified: LastModified?.getTime() ?? 0,
        });
      }
      after = page.IsTruncated === true ? page.NextContinuationToken : undefined;
    } while (after !== undefined);
    return found;
  }

  async #reading<T>(name: string, read: () => Promise<T>): Promise<T | undefined> {
    try {
      return await read();
    } catch (cause) {
      const fault = faultOf(cause);
      if (fault.name !== 'NoSuchBucket' && fault.status === 404) return undefined;
      throw storeError(cause, `read ${name} in ${this.where}`, 'store/unreadable');
    }
  }

  async #listing<T>(list: () => Promise<T>): Promise<T> {
    return await list().catch((cause) => {
      throw storeError(cause, `list ${this.where}`, 'store/unreadable');
    });
  }
}

export interface ObjectEntry {
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** The store's time, in milliseconds. */
  readonly modified: number;
}

/** The connection ended before the body did. */
function isCut(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return (
    /^(ECONNRESET|ERR_STREAM_PREMATURE_CLOSE|ETIMEDOUT|EPIPE)$/.test(code) ||
    faultOf(error).name === 'TimeoutError'
  );
}
