import { readdirSync, readFileSync } from 'node:fs';

/** Process of this machine, as the kernel describes it. */
export interface SeenProcess {
  readonly pid: number;
  /** Name of its program, cut after 15 characters. */
  readonly name: string;
  readonly group: number;
  /** Text of its cgroups; those of a container have its id in their paths. */
  readonly cgroups: () => string;
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
export function measureMemory(belongs: (process: SeenProcess) => boolean): MemoryMeter {
  let peak: number | undefined;
  const look = () => {
    for (const pid of pids()) {
      const found = seen(pid);
      if (found === undefined || !belongs(found)) continue;
      const kilobytes = Number(/^VmHWM:\s+(\d+) kB$/m.exec(textOf(`/proc/${pid}/status`))?.[1] ?? 0);
      if (kilobytes > 0) peak = Math.max(peak ?? 0, kilobytes * 1024);
    }
  };
  const timer = setInterval(look, LOOK_MS).unref();
  return { peak: () => peak, stop: () => clearInterval(timer) };
}

/** For `measureMemory`: a tool in the container with this id. */
export function toolIn(container: string, tool: string): (process: SeenProcess) => boolean {
  return ({ name, cgroups }) => name === tool && cgroups().includes(container);
}

function pids(): number[] {
  try {
    return readdirSync('/proc')
      .map(Number)
      .filter((pid) => pid > 0);
  } catch {
    return [];
  }
}

function seen(pid: number): SeenProcess | undefined {
  const stat = textOf(`/proc/${pid}/stat`);
  const [, name, rest] = /^\d+ \((.*)\) (.*)$/s.exec(stat) ?? []; // a name may hold spaces and brackets
  if (name === undefined || rest === undefined) return undefined;
  return { pid, name, group: Number(rest.split(' ')[2]), cgroups: () => textOf(`/proc/${pid}/cgroup`) };
}

/** Text of a file of the kernel, which takes no time to read. A process may be gone meanwhile. */
function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
