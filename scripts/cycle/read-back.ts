import { createHash } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { explain, MirrorError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { HEADER_SIZE } from '../cvd/header.ts';
import { isArchived, parseFileName } from '../cvd/names.ts';
import type { Proxies } from '../http/proxies.ts';
import type { ArchiveCopy } from '../mirror/archive.ts';
import { encodeManifest, type Manifest } from '../mirror/manifest.ts';
import { takeBack } from '../mirror/take-back.ts';
import { ProbeClient } from '../probe/http-client.ts';
import type { Store } from '../store/store.ts';
import { MANIFEST } from '../store/store.ts';

export class ReadBackError extends MirrorError<'read-back/mismatch'> {}

/** A host that caches may lag behind the store: how often to look, and how long to wait in between (milliseconds). */
export interface ReadBackPatience {
  readonly tries: number;
  readonly pause: number;
}

const PATIENCE: ReadBackPatience = { tries: 8, pause: 15_000 };

interface Publication {
  readonly previous: Manifest | undefined;
  readonly next: Manifest;
}

interface Reading {
  readonly userAgent: string;
  readonly proxies: Proxies;
  readonly patience?: Partial<ReadBackPatience> | undefined;
}

/**
 * Reads what was published from outside. If that is something else, what was there before is published again, from
 * `copies` of the CVDs that were replaced; throws `read-back/mismatch` all the same.
 */
export async function requireServed(
  url: string,
  { copies, ...published }: Publication & { readonly copies: readonly ArchiveCopy[] },
  { store, log, ...reading }: Reading & { readonly store: Store; readonly log: Log },
): Promise<void> {
  const { previous, next } = published;
  try {
    await readBack(url, published, reading);
  } catch (error) {
    if (previous === undefined) throw error; // there is nothing to go back to
    log.warn(`${explain(error)}; publishing again what was there before`);
    await takeBack(store, { previous, next, copies }).catch((trouble) =>
      log.warn(`that failed: ${explain(trouble)}; run rollback to get there`),
    );
    throw error;
  }
}

/**
 * Reads from the public URL what was just published, as a client would: the manifest, the header of each new CVD by
 * Range, and every byte of what changed. Throws `read-back/mismatch`: what is served is not what was proven.
 */
async function readBack(url: string, published: Publication, options: Reading): Promise<void> {
  const { tries, pause } = { ...PATIENCE, ...options.patience };
  await using client = new ProbeClient({ url, userAgent: options.userAgent, proxies: options.proxies });
  for (let left = tries - 1; ; left--) {
    try {
      return await readOnce(client, published.previous, published.next);
    } catch (cause) {
      if (left > 0) await wait(pause);
      else {
        throw new ReadBackError('read-back/mismatch', `${client.url} does not serve what was published`, {
          cause,
          advice: 'Look at the host: does it serve this store, does it cache too long, does it answer Range?',
        });
      }
    }
  }
}

async function readOnce(client: ProbeClient, previous: Manifest | undefined, next: Manifest): Promise<void> {
  const manifest = await client.ask(MANIFEST);
  if (manifest.status !== 200 || manifest.body.toString('utf8') !== encodeManifest(next)) {
    throw new Error(`${MANIFEST} is answered with ${manifest.status}, and is not the one just published`);
  }
  for (const name of changedBetween(previous, next)) {
    const { size, sha256 } = next.files[name] ?? { size: 0, sha256: '' };
    const start = await startOf(client, name);
    const hash = createHash('sha256');
    let first = Buffer.alloc(0);
    await client.stream(name, size, (chunk) => {
      hash.update(chunk);
      if (first.length < HEADER_SIZE) first = Buffer.concat([first, chunk]);
    });
    const found = hash.digest('hex');
    if (found !== sha256) throw new Error(`${name} has SHA-256 ${found}, not ${sha256}`);
    if (start !== undefined && !start.equals(first.subarray(0, HEADER_SIZE))) {
      throw new Error(`the first ${HEADER_SIZE} bytes of ${name}, by Range, are not those of the file`);
    }
  }
}

/** What a client asks for to learn a version. */
async function startOf(client: ProbeClient, name: string): Promise<Buffer | undefined> {
  if (parseFileName(name)?.kind !== 'cvd') return undefined;
  const range = `bytes=0-${HEADER_SIZE - 1}`;
  const { status, body } = await client.ask(name, { headers: { range }, keep: HEADER_SIZE });
  if (status === 206 && body.length === HEADER_SIZE) return body;
  throw new Error(`a version check of ${name} by Range is answered with ${status}, ${body.length} bytes`);
}

function changedBetween(previous: Manifest | undefined, next: Manifest): string[] {
  return Object.entries(next.files)
    .filter(([name, { sha256 }]) => sha256 !== previous?.files[name]?.sha256)
    .map(([name]) => name)
    .filter((name) => !isArchived(parseFileName(name)));
}
