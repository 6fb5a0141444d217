/**
 * Preloaded by `node --import`: kills the process with SIGKILL in the middle of its Nth change to a file, where N is
 * the variable KILL_AT. A write is cut in half, another change is not made. With N = 0 nothing is killed, and the
 * changes are listed on stderr at the end.
 */
import promises from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { isMainThread } from 'node:worker_threads';

export const MARK = 'change: ';

const fatal = Number(process.env.KILL_AT);
const seen: string[] = [];

/** Puts a method in the place of one that changes files: it dies first, if it is its turn. */
function watch<T extends object>(
  target: T,
  name: keyof T & string,
  half?: (self: T, content: unknown) => unknown,
): void {
  const real = target[name];
  if (typeof real !== 'function') throw new Error(`there is no ${name}`);
  const watched = async function (this: T, ...args: unknown[]): Promise<unknown> {
    const [path, second] = args;
    seen.push(half === undefined ? `${name} ${path} ${name === 'rename' ? second : ''}` : name);
    if (seen.length === fatal) {
      await half?.(this, path);
      process.kill(process.pid, 'SIGKILL');
    }
    return await Reflect.apply(real, this, args);
  };
  Object.assign(target, { [name]: watched });
}

if (isMainThread && process.env.KILL_AT !== undefined) {
  const handle = await promises.open(process.execPath);
  const files: typeof handle = Object.getPrototypeOf(handle);
  await handle.close();
  const { writeFile } = files;
  watch(files, 'writeFile', async (self, content) => {
    const bytes = typeof content === 'string' ? Buffer.from(content) : content;
    if (bytes instanceof Uint8Array) await writeFile.call(self, bytes.subarray(0, bytes.length / 2));
  });
  for (const name of ['rename', 'rm', 'mkdtemp', 'copyFile'] as const) watch(promises, name);
  syncBuiltinESMExports();
  if (fatal === 0)
    process.on('exit', () => process.stderr.write(seen.map((what) => `${MARK}${what}\n`).join('')));
}
