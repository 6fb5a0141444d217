import { createHash } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { explain, MirrorError } from '../base/errors.ts';
import { HEADER_SIZE } from '../cvd/header.ts';
import { isArchived, parseFileName } from '../cvd/names.ts';
import { encodeManifest, type Manifest } from '../mirror/manifest.ts';
import { takeBack } from '../mirror/take-back.ts';
import { ProbeClient } from '../probe/http-client.ts';
import { MANIFEST } from '../store/store.ts';
import type { Cycle, ReadBackPatience } from './context.ts';
import type { Publication } from './publish.ts';

export class ReadBackError extends MirrorError<'read-back/mismatch'> {}

const PATIENCE: ReadBackPatience = { tries: 8, pause: 15_000 };

/** Settings and memory of the cycle whose publication is read back. */
type Reader = Pick<Cycle, 'settings' | 'memory' | 'store' | 'log' | 'readBackPatience' | 'openFace'>;

/**
 * Reads what was published from outside, as clients do. If something else is served, the previous publication is published
 * again, from copies of the CVDs that were replaced; throws `read-back/mismatch` all the same.
 */
export async function requireServed(
  publicUrl: string,
  publication: Publication,
  reader: Reader,
): Promise<void> {
  const { previous, next, copies } = publication;
  const { store, log } = reader;
  log.info(`reading what was published from ${publicUrl}`);
  try {
    await readBack(publicUrl, publication, reader);
  } catch (error) {
    if (previous === undefined) throw error; // there is nothing to go back to
    log.warn(`${explain(error)}; publishing again what was there before`);
    const back = async () => {
      await takeBack(store, { previous, next, copies, faceOf: await reader.openFace() });
    };
    await back().catch((failure) => log.warn(`that failed: ${explain(failure)}; run rollback to get there`));
    throw error;
  }
}

/**
 * Reads from the public URL what was just published, as a client would: the manifest, the header of each new CVD by
 * Range, and every byte of what changed. Throws `read-back/mismatch`: what is served is not what was proven.
 */
async function readBack(
  url: string,
  { previous, next }: Publication,
  { settings, memory, readBackPatience }: Reader,
): Promise<void> {
  const { tries, pause } = { ...PATIENCE, ...readBackPatience };
  const userAgent = settings.userAgent(memory.state.uuid);
  await using client = new ProbeClient({ url, userAgent, proxies: settings.proxies });
  for (let left = tries - 1; ; left--) {
    try {
      return await readOnce(client, previous, next);
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

/** Reads the bytes by which a client learns a version. */
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
