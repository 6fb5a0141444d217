import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { Readable, Writable } from 'node:stream';
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
import {
  ANSWER_BYTES,
  BUCKET_CONNECT_MS,
  BUCKET_IDLE_MS,
  LISTED_OBJECTS,
  LISTED_PAGES,
} from '../../base/limits/store.ts';
import { startOfBody } from '../../http/body.ts';
import { StoreError } from '../store.ts';
import type { S3Settings } from './address.ts';
import { proxyFor, regionFor } from './connection.ts';
import { faultOf, storeError } from './errors.ts';
import { atMost } from './limit.ts';

/** Attempts for one request. The SDK waits a random time before each, longer every time and at most 20 s. */
const REQUEST_ATTEMPTS = 6;
/** Attempts to read a whole body: the SDK does not try again when a body is cut. */
const BODY_ATTEMPTS = 4;

/** Attributes of an object by their S3 names, for a PUT, a copy and a multipart upload alike. */
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

/** Facts about an object without its bytes. */
export interface ObjectHead {
  readonly size: number;
  readonly tag: string;
  /** SHA-256 in the metadata: it shows that we wrote the object, but says nothing of the bytes that are there now. */
  readonly sha256: string | undefined;
  readonly cacheControl: string | undefined;
  readonly contentType: string | undefined;
  /** SHA-256 of all bytes in hex, if the store itself computed it. */
  readonly checksum: string | undefined;
}

/** Content of a small object. */
export interface ObjectText extends Pick<ObjectHead, 'tag' | 'sha256' | 'cacheControl'> {
  readonly content: Buffer;
  readonly text: string;
  /** The store's time, in milliseconds. */
  readonly modified: number;
  /** Modification time of the original file in seconds, as rclone stores it. */
  readonly mtime: string | undefined;
}

/** One prefix of a bucket: single requests, whose errors are `StoreError`. Names are relative to the prefix. */
export class Bucket {
  readonly settings: S3Settings;
  readonly client: S3Client;
  readonly where: string;
  #clockOffset = 0;

  constructor(settings: S3Settings) {
    this.settings = settings;
    const { bucket, prefix, endpoint, pathStyle, proxies, attempts = REQUEST_ATTEMPTS } = settings;
    this.where = `s3://${bucket}/${prefix}`.replace(/\/$/, '');
    this.client = new S3Client({
      ...(endpoint !== undefined && { endpoint }),
      ...regionFor(settings),
      forcePathStyle: pathStyle,
      maxAttempts: attempts,
      // Older servers refuse checksum trailers (411, 501). Bodies are signed with their SHA-256 instead.
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
      expectContinueHeader: false, // some servers never answer it
      requestHandler: {
        connectionTimeout: BUCKET_CONNECT_MS,
        socketTimeout: BUCKET_IDLE_MS,
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
    this.client.middlewareStack.add(
      (next, { commandName }) =>
        async (args) => {
          const result = await next(args);
          if (commandName !== 'GetObjectCommand') this.#limitAnswer(result.response);
          return result;
        },
      { step: 'deserialize', priority: 'low', name: 'limitAnswer' }, // before the SDK parses it, which reads all of it
    );
  }

  /** Time of the store in milliseconds, from its last answer. Publishers compare no clocks of their own. */
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

  #limitAnswer(response: unknown): void {
    if (typeof response !== 'object' || response === null || !('body' in response)) return;
    const { body } = response;
    if (!(body instanceof Readable)) return;
    const whole = atMost(ANSWER_BYTES, this.#named('an answer'), body, undefined);
    response.body = whole;
    pipeline(body, whole).catch(() => {}); // the reader gets the error
  }

  /** Bucket and key of an object, as every request names it. */
  key(name: string): { Bucket: string; Key: string } {
    return { Bucket: this.settings.bucket, Key: this.settings.prefix + name };
  }

  /** Reads an object of at most `limit` bytes; `undefined` if there is none. Throws `store/limit`. */
  async read(name: string, limit: number): Promise<ObjectText | undefined> {
    return await this.#reading(name, async () => {
      const { Body, ContentLength, ETag, ...found } = await this.client.send(
        new GetObjectCommand(this.key(name)),
      );
      const chunks: Buffer[] = [];
      if (Body instanceof Readable) {
        const whole = atMost(limit, this.#named(name), Body, ContentLength);
        await pipeline(Body, whole, async (parts) => {
          for await (const part of parts) chunks.push(part);
        });
      }
      const content = Buffer.concat(chunks);
      return {
        content,
        text: content.toString('utf8'),
        tag: ETag ?? '',
        modified: found.LastModified?.getTime() ?? this.now(),
        sha256: found.Metadata?.sha256,
        mtime: found.Metadata?.mtime,
        cacheControl: found.CacheControl,
      };
    });
  }

  async head(name: string): Promise<ObjectHead | undefined> {
    return await this.#reading(name, async () => {
      const head = new HeadObjectCommand({ ...this.key(name), ChecksumMode: 'ENABLED' });
      const { ContentLength, ETag, Metadata, ...found } = await this.client.send(head);
      const { ChecksumSHA256, ChecksumType, CacheControl, ContentType } = found;
      const isWhole = ChecksumType === 'FULL_OBJECT';
      return {
        size: ContentLength ?? -1,
        tag: ETag ?? '',
        sha256: Metadata?.sha256,
        cacheControl: CacheControl,
        contentType: ContentType,
        checksum: isWhole ? Buffer.from(ChecksumSHA256 ?? '', 'base64').toString('hex') : undefined,
      };
    });
  }

  /** Reads at most `length` bytes from the start of an object. Throws `store/missing`. */
  async readStart(name: string, length: number): Promise<Buffer> {
    const start = await this.#reading(name, async () => {
      const Range = `bytes=0-${length - 1}`;
      const { Body } = await this.client.send(new GetObjectCommand({ ...this.key(name), Range }));
      if (!(Body instanceof Readable)) throw new Error('an answer without a body');
      return await startOfBody(Body, length); // a store without Range sends all of it
    });
    if (start === undefined) throw new StoreError('store/missing', `${this.where} has no ${name}`);
    return start;
  }

  /** Copies an object of at most `limit` bytes to a path on this machine. Throws `store/missing`, `store/limit`. */
  async download(name: string, path: string, limit: number): Promise<void> {
    const found = await this.#stream(name, limit, () => createWriteStream(path));
    if (found === undefined) throw new StoreError('store/missing', `${this.where} has no ${name}`);
  }

  /** Reads an object and returns its SHA-256; nothing if there is no object of this size. */
  async hash(name: string, size: number): Promise<{ sha256?: string; cacheControl?: string | undefined }> {
    let hash = createHash('sha256');
    const begin = () => {
      hash = createHash('sha256');
      return new Writable({
        write(chunk: Buffer, _encoding, done) {
          hash.update(chunk);
          done();
        },
      });
    };
    try {
      const found = await this.#stream(name, size, begin);
      if (found?.size !== size) return {};
      return { sha256: hash.digest('hex'), cacheControl: found.cacheControl };
    } catch (error) {
      if (error instanceof StoreError && error.code === 'store/limit') return {};
      throw error;
    }
  }

  /** Streams an object, again from the start if its body is cut; `undefined` if there is none. */
  async #stream(
    name: string,
    limit: number,
    begin: () => Writable,
  ): Promise<Pick<ObjectHead, 'size' | 'cacheControl'> | undefined> {
    for (let attempt = 1; ; attempt++) {
      const found = await this.#reading(name, async () => {
        const { Body, ...rest } = await this.client.send(new GetObjectCommand(this.key(name)));
        if (!(Body instanceof Readable)) throw new Error('an answer without a body');
        return { body: Body, length: rest.ContentLength, cacheControl: rest.CacheControl };
      });
      if (found === undefined) return undefined;
      const { body, length, cacheControl } = found;
      let passed = 0;
      try {
        const counted = atMost(limit, this.#named(name), body, length, (size) => (passed += size));
        await pipeline(body, counted, begin());
        return { size: passed, cacheControl };
      } catch (cause) {
        const error = storeError(cause, `read ${name} in ${this.where}`, 'store/unreadable');
        if (attempt === BODY_ATTEMPTS || !isCut(cause)) throw isCut(cause) ? error : cause;
        await wait(200 * 2 ** attempt);
      }
    }
  }

  /** Writes a small object. Returns its tag, or `undefined` if the condition does not hold. */
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
      // 404: there is no object to replace
      if (condition !== undefined && fault !== 'NoSuchBucket' && [404, 409, 412].includes(status))
        return undefined;
      throw storeError(cause, `write ${name} in ${this.where}`, 'store/failed');
    }
  }

  /** Copies an object within the store. `false` if the store cannot, as Ceph 16 with encrypted objects. */
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

  /** Removes an object. Does nothing if it is gone already. */
  async remove(name: string, options: { abortSignal?: AbortSignal } = {}): Promise<void> {
    await this.client.send(new DeleteObjectCommand(this.key(name)), options).catch((cause) => {
      if (faultOf(cause).name === 'NoSuchKey') return;
      throw storeError(cause, `remove ${name} from ${this.where}`, 'store/failed');
    });
  }

  /** Lists the objects below a name that ends with a slash, or at the top. With `deep`, lists further levels too. */
  async list(below: '' | `${string}/`, options: { deep?: boolean } = {}): Promise<ObjectEntry[]> {
    const { Bucket: bucket, Key } = this.key(below);
    const found: ObjectEntry[] = [];
    let after: string | undefined;
    let pages = 0;
    do {
      if (pages++ >= LISTED_PAGES || found.length > LISTED_OBJECTS) throw this.#endless(below);
      const page = await this.#listing(async () => {
        const list = { Bucket: bucket, Prefix: Key, EncodingType: 'url', ContinuationToken: after } as const;
        return await this.client.send(
          new ListObjectsV2Command({ ...list, ...(options.deep !== true && { Delimiter: '/' }) }),
        );
      });
      for (const { Key: key = '', Size = -1, ETag = '', LastModified } of page.Contents ?? []) {
        const name = page.EncodingType === 'url' ? decodeURIComponent(key.replaceAll('+', ' ')) : key;
        if (name === Key) continue; // some tools create an object for the prefix itself
        found.push({
          name: name.slice(this.settings.prefix.length),
          size: Size,
          tag: ETag,
          modified: LastModified?.getTime() ?? 0,
        });
      }
      after = page.IsTruncated === true ? page.NextContinuationToken : undefined;
    } while (after !== undefined);
    return found;
  }

  #named(name: string): string {
    return `${name} in ${this.where}`;
  }

  #endless(below: string): StoreError {
    const what = `${this.where}/${below} has more objects than this program lists`;
    return new StoreError('store/limit', what, {
      advice: `Give the mirror its own prefix, with at most ${LISTED_OBJECTS} other objects`,
    });
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
  readonly tag: string;
  /** The store's time, in milliseconds. */
  readonly modified: number;
}

/** True if the connection ended before the body did. */
function isCut(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return (
    /^(ECONNRESET|ERR_STREAM_PREMATURE_CLOSE|ETIMEDOUT|EPIPE)$/.test(code) ||
    faultOf(error).name === 'TimeoutError'
  );
}
