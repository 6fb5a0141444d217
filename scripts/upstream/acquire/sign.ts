import { writeFile } from 'node:fs/promises';
import { SIGN_BYTES } from '../../base/limits/databases.ts';
import { proveSign, type SignedFile } from '../../files/sign.ts';
import { VerifyError } from '../../verify/error.ts';
import { isDoubt } from '../../verify/sign.ts';
import type { Asking } from '../ask-again.ts';
import { isMissing, isTooLarge } from '../error.ts';
import type { Fetched, UpstreamClient } from '../http-client.ts';
import type { AcquireContext } from './context.ts';

/** Upstream's answer about a `.sign`. `unchanged`: it still has the one of the given ETag. */
export type SignAnswer = Fetched | 'missing' | 'unchanged' | 'too large';

/** Outcome of a `.sign`. `withheld`: clients do better without it. */
export type SignOutcome =
  | { readonly state: 'published'; readonly notAfter: string; readonly etag: string | undefined }
  | { readonly state: 'withheld'; readonly reason: string; readonly etag: string | undefined }
  | { readonly state: 'missing' };

/** Asks upstream for a `.sign`. Throws `UpstreamError` if there is no answer. */
export async function askForSign(
  name: string,
  client: Pick<UpstreamClient, 'fetch'>,
  etag?: string,
  asking?: Asking,
): Promise<SignAnswer> {
  try {
    return await client.fetch(name, SIGN_BYTES, etag, asking);
  } catch (error) {
    if (isMissing(error)) return 'missing';
    if (isTooLarge(error)) return 'too large';
    throw error;
  }
}

/**
 * Brings a `.sign` from upstream into the stage. Throws `VerifyError` for a broken signature of a known signer. With a
 * client, upstream is asked once more before that, past all caches, which may hold the `.sign` of another CVD of this
 * version. Any other fault leaves the database alone: the `.sign` is withheld with a warning, and for clients it is as
 * if upstream had none (clamav-formats.md §2).
 */
export async function stageSign(
  name: string,
  answer: Exclude<SignAnswer, 'unchanged'>,
  signed: SignedFile,
  {
    stage,
    trust,
    log,
    client,
  }: Pick<AcquireContext, 'stage' | 'trust' | 'log'> & Partial<Pick<AcquireContext, 'client'>>,
): Promise<SignOutcome> {
  if (answer === 'missing') return { state: 'missing' };
  const withheld = (reason: string, etag?: string): SignOutcome => {
    log.warn(`${name} is withheld: ${reason}`);
    return { state: 'withheld', reason, etag };
  };
  if (answer === 'too large') return withheld(`it has more than ${SIGN_BYTES} bytes`);
  const { bytes, etag } = answer;
  try {
    const good = await proveSign(bytes, signed, trust);
    await writeFile(stage.incoming(name), bytes);
    await stage.accept({ name, ...good, stored: false });
    return { state: 'published', notAfter: good.notAfter, etag };
  } catch (error) {
    if (isDoubt(error)) return withheld(error.message, etag);
    if (!(error instanceof VerifyError) || client === undefined) throw error;
    log.warn(`${name}: ${error.message}; asking once more, past caches`);
    const again = await askForSign(name, client, undefined, { fresh: true });
    if (again === 'unchanged') throw error;
    return await stageSign(name, again, signed, { stage, trust, log });
  }
}
