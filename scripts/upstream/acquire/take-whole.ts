import { explain } from '../../base/errors.ts';
import { VerifyError } from '../../verify/error.ts';
import { takeProven } from '../ask-again.ts';
import type { AcquireContext } from './context.ts';

/** A file to take. */
export interface Wanted {
  /** Identifies the file, so that no part of another one is used. */
  readonly of: string;
  /** Path outside the stage. */
  readonly to: string;
  /** Bytes. */
  readonly limit: number;
}

/**
 * Takes a file from upstream and proves it, going on where an earlier cycle ended. If what comes of two parts does not prove
 * out, the whole file is taken once more, for one of them may be of another file. Throws like `takeProven`.
 */
export async function takeWhole<T>(
  name: string,
  wanted: Wanted,
  prove: () => Promise<T>,
  { client, log, partials }: Pick<AcquireContext, 'client' | 'log' | 'partials'>,
): Promise<T> {
  const { to, limit } = wanted;
  return await takeProven(name, log, async (asking) => {
    const isOfParts = asking.fresh ? undefined : await partials?.download(name, wanted, client);
    if (isOfParts === undefined) await client.download(name, to, limit, asking);
    if (isOfParts !== true) return await prove();
    try {
      return await prove();
    } catch (error) {
      if (!(error instanceof VerifyError)) throw error;
      log.info(
        `${name}: the part of an earlier cycle does not fit (${explain(error)}). Downloading the whole file`,
      );
      await client.download(name, to, limit);
      return await prove();
    }
  });
}
