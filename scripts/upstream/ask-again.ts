import { explain } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { UnsealedError, VerifyError } from '../verify/error.ts';
import { UpstreamError } from './error.ts';

/** Options of a request to upstream. */
export interface Asking {
  /** True if no cache on the way may answer. */
  readonly fresh: boolean;
}

const LATER = 'A later cycle asks for it again';

/**
 * Takes a file from upstream and proves it. A fault that may pass in a minute is answered by one more request, past
 * all caches, and then by an `UpstreamError`: another kind of file, a cut or damaged one, or a genuine one under a
 * wrong name. Throws `VerifyError` for other faults: a broken signature in a file of the right form, or contents that
 * do not fit it.
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

/** True for an error that is known to pass by itself after a while. */
export function isDoubtful(error: unknown): error is UpstreamError {
  return error instanceof UpstreamError && DOUBTS.includes(error.code);
}

const DOUBTS = ['upstream/spoilt', 'upstream/mislabelled'];
const MISLABELLED = ['verify/wrong-version', 'verify/wrong-database'];

/** True for a fault that may pass, or a broken signature, which may be a bit damaged on its way. */
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
