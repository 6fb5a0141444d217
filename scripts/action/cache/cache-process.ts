/**
 * The process in which @actions/cache runs: it takes all that it does from the environment and the working folder,
 * which cache.ts gives it, and it may hang for long.
 */
import { isKeyOf } from './key.ts';

export type ChildTask =
  | { readonly do: 'restore'; readonly path: string; readonly prefix: string }
  | { readonly do: 'save'; readonly path: string; readonly key: string };

/** Result of the process; it prints the reasons. */
export interface ChildAnswer {
  readonly done: boolean;
  /** Key that the service has, whether or not it could be used. */
  readonly key?: string;
}

async function run(task: ChildTask): Promise<ChildAnswer> {
  const cache = await import('@actions/cache');
  const paths = [task.path];
  if (task.do === 'save') return { done: (await cache.saveCache(paths, task.key)) !== -1 };
  const { prefix } = task;
  const key = await cache.restoreCache(paths, prefix, [prefix], { lookupOnly: true });
  if (key === undefined) return { done: false };
  if (!isKeyOf(prefix, key)) return { done: false, key };
  return { done: (await cache.restoreCache(paths, key)) === key, key };
}

if (import.meta.main) {
  process.on('disconnect', () => process.exit(1)); // the parent is gone
  const answer = await run(JSON.parse(process.argv[2] ?? ''));
  process.send?.(answer, () => process.exit());
}
