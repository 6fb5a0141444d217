import { explain } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { UnsealedError, VerifyError } from '../verify/error.ts';
import { UpstreamError } from './error.ts';

/** How upstream is asked. */
export interface Asking {
  /** No cache on the way is to answer from what it has. */
  readonly fresh: boolean;
}

const LATER = 'It is asked for again by itself';

/**
 * Takes a file from upstream and proves it. What may be right in a minute is asked for once more, past all caches, and is
 * then an `UpstreamError`: a file that is no such file, is cut, damaged, or genuine under a wrong name. Throws `VerifyError`
 * for what is not: a broken signature in a file of the right form, or contents that do not fit it.
 */
export async function takeProven<T>(
  name: string,
  log: Log,
  take: (asking: Asking) => Promise<T>,
): Promise<T> {
  try {
    return await take({ fresh: false });
  } catch (error) {
    if (!mayBeRight(error)) throw error;
    log.warn(`${name}: ${explain(error)}; asking once more, past caches`);
  }
  try {
    return await take({ fresh: true });
  } catch (error) {
    throw doubtOf(name, error) ?? error;
  }
}

/** True for what is known to have passed by itself after a while. */
export function isDoubtful(error: unknown): error is UpstreamError {
  return error instanceof UpstreamError && DOUBTS.includes(error.code);
}

const DOUBTS = ['upstream/spoilt', 'upstream/mislabelled'];
const MISLABELLED = ['verify/wrong-version', 'verify/wrong-database'];

/** A signature that is broken may be a bit that fell over on its way: that is asked again too. */
function mayBeRight(error: unknown): boolean {
  return (
    doubtOf('', error) !== undefined || (error instanceof VerifyError && error.code === 'verify/signature')
  );
}

function doubtOf(name: string, error: unknown): UpstreamError | undefined {
  if (!(error instanceof VerifyError)) return undefined;
  const advice = error.advice === undefined ? LATER : `${error.advice}. ${LATER}`;
  if (MISLABELLED.includes(error.code)) {
    const what = `upstream sent another file as ${name}: ${error.message}`;
    return new UpstreamError('upstream/mislabelled', what, { advice, cause: error });
  }
  if (!(error instanceof UnsealedError) || error.code === 'verify/signature') return undefined;
  const what = `what upstream sent as ${name} is not that file: ${error.message}`;
  return new UpstreamError('upstream/spoilt', what, { advice, cause: error });
}
