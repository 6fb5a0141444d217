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
  const measured: Measured = { belongs, peak: undefined };
  running.add(measured);
  timer ??= setInterval(look, LOOK_MS).unref();
  return {
    peak: () => measured.peak,
    stop() {
      running.delete(measured);
      if (running.size > 0) return;
      clearInterval(timer);
      timer = undefined;
    },
  };
}

interface Measured {
  readonly belongs: (process: SeenProcess) => boolean;
  peak: number | undefined;
}

const running = new Set<Measured>();
let timer: NodeJS.Timeout | undefined;

/** Looks at each process once for all programs that are measured: a machine may have thousands. */
function look(): void {
  for (const pid of pids()) {
    const found = seen(pid);
    if (found === undefined) continue;
    for (const measured of running) {
      if (measured.belongs(found)) measured.peak = Math.max(measured.peak ?? 0, peakOf(pid)) || undefined;
    }
  }
}

/** Most bytes that a process had in memory; 0 if the kernel does not tell. */
function peakOf(pid: number): number {
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(textOf(`/proc/${pid}/status`))?.[1] ?? 0) * 1024;
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
