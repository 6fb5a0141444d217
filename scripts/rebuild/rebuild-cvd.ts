import { stat } from 'node:fs/promises';
import { getCompileCacheDir } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname } from 'node:path';
import { Worker } from 'node:worker_threads';
import pLimit from 'p-limit';
import { REBUILD_HEAP_MB, REBUILD_MS } from '../base/limits/databases.ts';
import type { CvdTotals } from '../cvd/container/reader.ts';
import { type ContainerOrder, orderOf } from '../cvd/container/writer.ts';
import { makeMatchMemory } from '../cvd/deflate/match-log.ts';
import type { CvdInfo } from '../cvd/info.ts';
import { withRoom } from '../files/disk-space.ts';
import { asVerdict } from '../files/verify.ts';
import type { VerifiedCvd } from '../verify/cvd.ts';
import { VerifyError } from '../verify/error.ts';
import { verifyRebuilt } from '../verify/rebuilt.ts';
import type { Trust } from '../verify/trust.ts';
import type { FromPacker, FromPatcher, RebuildTask, ThreadData } from './messages.ts';
import { makePipe } from './shared-ring.ts';
import { errorOf } from './thread-error.ts';

/**
 * Rebuilds a CVD bit for bit in two threads: one inflates and patches, the other deflates, hashes and writes
 * (clamav-formats.md §0.1, §5). What the old CVD already has deflated is taken over (scripts/cvd/deflate/README.md). If
 * that does not give the header's MD5, the hybrid order of files is tried, and then all matches are searched anew. Throws
 * `VerifyError` or `CvdError` if the result is not the CVD that Talos signed, and `file/full`; the file at `task.output`
 * is unusable then. `onProgress` gets the number of packed bytes of the new container.
 */
export async function rebuildCvd(
  task: RebuildTask,
  trust: Trust,
  onProgress: (bytes: number) => void = () => {},
): Promise<VerifiedCvd> {
  const { database, header } = task;
  const made = new Set<string>();
  const attempts: Attempt[] = [{ order: 'info', takesOver: true }];
  for (const attempt of attempts) {
    const { info, totals } = await inTurn(() =>
      withRoom(task.output, () => runThreads(task, attempt, onProgress)),
    );
    if (totals.md5 === header.md5)
      return asVerdict(() => verifyRebuilt(database, header, info, totals, trust));
    made.add(`${totals.md5} with the files in ${attempt.order} order`);
    if (attempts.length === 1) attempts.push(...otherAttempts(database, info));
  }
  throw new VerifyError(
    'verify/mismatch',
    `the rebuilt container's MD5 is ${[...made].join(' and ')}, not ${header.md5}`,
  );
}

interface Attempt {
  readonly order: ContainerOrder;
  /** Whether matches of the old CVD are taken over. They are other ones if another zlib made it. */
  readonly takesOver: boolean;
}

/** Attempts after the first one did not give the header's MD5, the likeliest first. */
function otherAttempts(database: string, info: CvdInfo): Attempt[] {
  const orders = [orderOf(database, info, 'info'), orderOf(database, info, 'hybrid')].map((names) =>
    names.join(),
  );
  const hybrid = orders[0] === orders[1] ? [] : (['hybrid'] as const);
  return [
    ...hybrid.map((order) => ({ order, takesOver: true })),
    { order: 'info', takesOver: false },
    ...hybrid.map((order) => ({ order, takesOver: false })),
  ];
}

/**
 * Runs one rebuild for every two cores, two at most: each one keeps two cores busy, and more would only cost memory.
 */
const inTurn = pLimit(Math.min(2, Math.max(1, Math.floor(availableParallelism() / 2))));
/** Memory of a thread. Its objects are short-lived, and without a limit V8 lets garbage grow to tens of MB. */
const RESOURCES = { maxYoungGenerationSizeMb: 4, maxOldGenerationSizeMb: REBUILD_HEAP_MB };

async function runThreads(
  task: RebuildTask,
  { order, takesOver }: Attempt,
  onProgress: (bytes: number) => void,
): Promise<{ info: CvdInfo; totals: CvdTotals }> {
  const matches = takesOver ? makeMatchMemory((await stat(task.old)).size) : undefined;
  const workerData: ThreadData = { task, order, pipe: makePipe(), matches };
  const options = { workerData, resourceLimits: RESOURCES, env: threadEnvironment() };
  const patcher = new Worker(new URL('./patcher-thread.ts', import.meta.url), options);
  const packer = new Worker(new URL('./packer-thread.ts', import.meta.url), options);
  const timer = setTimeout(() => packer.terminate(), REBUILD_MS);
  try {
    const [{ info }, { totals }] = await Promise.all([
      answer<FromPatcher, { info: CvdInfo }>(patcher, (message) => ('info' in message ? message : undefined)),
      answer<FromPacker, { totals: CvdTotals }>(packer, (message) => {
        if ('packed' in message) onProgress(message.packed);
        return 'totals' in message ? message : undefined;
      }),
    ]);
    return { info, totals };
  } finally {
    clearTimeout(timer);
    await Promise.all([patcher.terminate(), packer.terminate()]);
  }
}

/**
 * Threads read what outsiders made, so they get nothing of this process's environment. They start in a quarter of the time
 * with the compile cache, which Node keeps for a thread only if it stands there.
 */
function threadEnvironment(): Record<string, string> {
  const cache = getCompileCacheDir();
  return cache === undefined ? {} : { NODE_COMPILE_CACHE: dirname(cache) }; // below it is one for each Node
}

/** Waits for a message that `pick` accepts. Throws the thread's error, or an error if the thread ends before. */
async function answer<Message extends object, Answer>(
  worker: Worker,
  pick: (message: Exclude<Message, { failure: unknown }>) => Answer | undefined,
): Promise<Answer> {
  return await new Promise((resolve, reject) => {
    worker.on('message', (message) => {
      if ('failure' in message) return reject(errorOf(message));
      const picked = pick(message);
      if (picked !== undefined) resolve(picked);
    });
    worker.once('error', reject);
    worker.once('exit', (code) => reject(new Error(`a rebuilding thread ended with code ${code}`)));
  });
}
