import { createHash } from 'node:crypto';
import { posix } from 'node:path';
import { EXTRA_SIGNATURE_BYTES } from '../base/limits/extras.ts';
import { isHttp } from '../http/is-http.ts';
import { requireContent } from './content.ts';
import { ExtraError } from './error.ts';
import type { ExtraSource, ExtrasContext } from './extra.ts';
import { besideFile, readSource } from './file-source.ts';
import { verifyGpg } from './gpg.ts';
import { fetchSource, type Validators } from './http-source.ts';
import { minisignKey, verifyMinisign } from './minisign.ts';
import { hashIn, requireHash } from './sha256.ts';

/** Bytes that passed every check that needs no engine. */
export interface ProvenBytes extends Validators {
  readonly bytes: Buffer;
  readonly sha256: string;
}

/** Bytes that are at hand, and what their source said of them. */
export interface AtHand extends Validators {
  readonly sha256: string;
}

/**
 * Brings what a source has now, and checks it: kind, hashes, signatures. `unchanged` if that is what is at hand; of a source
 * with a hash the bytes are then not asked for. Throws an `ExtraError`.
 */
export async function provenBytes(
  source: ExtraSource,
  atHand: AtHand | undefined,
  context: ExtrasContext,
): Promise<ProvenBytes | 'unchanged'> {
  const { name, from, maxSize, sha256, sha256From, minisign, gpg } = source;
  const small = async (at: string, suffix = '') =>
    await brought(at, `${name}${suffix}`, EXTRA_SIGNATURE_BYTES, context);
  const listed =
    sha256From === undefined
      ? undefined
      : hashIn((await small(sha256From)).toString('latin1'), [basename(from), name]);
  const wanted = [sha256, listed].filter((hash) => hash !== undefined);
  if (wanted.length > 0 && wanted.every((hash) => hash === atHand?.sha256)) return 'unchanged';
  const fetched = isHttp(from)
    ? await fetchSource(from, maxSize, context, wanted.length > 0 ? {} : atHand)
    : { bytes: await readSource(from, name, maxSize) };
  if (fetched === 'unchanged') return 'unchanged';
  const { bytes } = fetched;
  const found = createHash('sha256').update(bytes).digest('hex');
  if (found === atHand?.sha256 && wanted.length === 0) return { ...fetched, sha256: found };
  requireContent(name, bytes);
  for (const hash of wanted) requireHash(found, hash);
  if (minisign !== undefined) {
    const signature = await small(minisign.from ?? (await beside(from, '.minisig')), '.minisig');
    const key = minisignKey(minisign.key);
    if (key === undefined) throw new ExtraError('extra/keys', `the minisign key of ${name} is none`);
    verifyMinisign(bytes, signature.toString('utf8'), key);
  }
  if (gpg !== undefined) {
    const signature = await small(gpg.from ?? (await beside(from, '.sig')), '.sig');
    await verifyGpg(bytes, signature, { keys: gpg.keys, now: context.now() });
  }
  return { ...fetched, sha256: found };
}

async function brought(from: string, name: string, limit: number, context: ExtrasContext): Promise<Buffer> {
  if (!isHttp(from)) return await readSource(from, name, limit);
  const fetched = await fetchSource(from, limit, context);
  if (fetched === 'unchanged') throw new ExtraError('extra/status', 'its source says "unchanged", unasked');
  return fetched.bytes;
}

/** Address of the file beside another one. */
async function beside(from: string, suffix: string): Promise<string> {
  if (!isHttp(from)) return await besideFile(from, suffix);
  const url = new URL(from);
  url.pathname += suffix;
  return url.href;
}

function basename(from: string): string {
  return posix.basename(isHttp(from) ? new URL(from).pathname : from);
}
