import { readdir, readFile } from 'node:fs/promises';

/** Process of this machine, as the kernel describes it. */
export interface SeenProcess {
  readonly pid: number;
  /** Name of its program, cut after 15 characters. */
  readonly name: string;
  readonly group: number;
  /** Text of its cgroups; those of a container have its id in their paths. */
  readonly cgroups: () => Promise<string>;
}

/** Measurement of a program while it runs. */
export interface MemoryMeter {
  /** Most bytes that one process of the program had in memory so far; `undefined` if this machine does not tell. */
  peak(): number | undefined;
  stop(): void;
}

/** Milliseconds between two looks. The kernel remembers the peak, so only the last stretch of a program is missed. */
const LOOK_MS = 500;

/**
 * Measures the processes of a program by what the kernel says of them (proc(5): VmHWM), those in containers of this
 * machine too. Where there is no /proc, or not that of the containers, it tells nothing.
 */
export function measureMemory(belongs: (process: SeenProcess) => boolean | Promise<boolean>): MemoryMeter {
  let peak: number | undefined;
  let isLooking = false;
  const look = async () => {
    if (isLooking) return;
    isLooking = true;
    for (const pid of await pids()) {
      const found = await seen(pid);
      if (found === undefined || !(await belongs(found))) continue;
      const kilobytes = Number(/^VmHWM:\s+(\d+) kB$/m.exec(await textOf(`/proc/${pid}/status`))?.[1] ?? 0);
      if (kilobytes > 0) peak = Math.max(peak ?? 0, kilobytes * 1024);
    }
    isLooking = false;
  };
  const timer = setInterval(() => void look(), LOOK_MS).unref();
  return { peak: () => peak, stop: () => clearInterval(timer) };
}

/** For `measureMemory`: a tool in the container with this id. */
export function toolIn(container: string, tool: string): (process: SeenProcess) => Promise<boolean> {
  return async ({ name, cgroups }) => name === tool && (await cgroups()).includes(container);
}

async function pids(): Promise<number[]> {
  const names = await readdir('/proc').catch(() => []);
  return names.map(Number).filter((pid) => pid > 0);
}

async function seen(pid: number): Promise<SeenProcess | undefined> {
  const stat = await textOf(`/proc/${pid}/stat`);
  const [, name, rest] = /^\d+ \((.*)\) (.*)$/s.exec(stat) ?? []; // a name may hold spaces and brackets
  if (name === undefined || rest === undefined) return undefined;
  const group = Number(rest.split(' ')[2]);
  return { pid, name, group, cgroups: () => textOf(`/proc/${pid}/cgroup`) };
}

async function textOf(path: string): Promise<string> {
  return await readFile(path, 'utf8').catch(() => '');
}
