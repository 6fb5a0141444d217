import { readdirSync, readFileSync } from 'node:fs';

/** What all tools of ClamAV took while they were watched. */
export interface Taken {
  /** The most that all of them had in memory at once, in MB. */
  readonly peakMegabytes: number;
  /** Seconds of all cores, of the tools and of this process. */
  readonly cpuSeconds: number;
}

const LOOK_MS = 250;
const TOOLS = ['freshclam', 'clamscan', 'clamd'];
/** Kernels of Linux on x86 and ARM: ticks of a second, and bytes of a page. */
const [TICKS, PAGE] = [100, 4096];

/** Watches the tools whose command names this folder, and what this process computes, until it is stopped. */
export function watchTools(folder: string): { stop(): Taken } {
  const seconds = new Map<string, number>();
  const ours = process.cpuUsage();
  let peak = 0;
  const look = () => {
    let bytes = 0;
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
      const [, name = '', rest = ''] = /^\d+ \((.*)\) (.*)$/s.exec(read(pid, 'stat')) ?? [];
      if (!TOOLS.includes(name) || !read(pid, 'cmdline').includes(folder)) continue;
      const fields = rest.split(' ').map(Number);
      bytes += (fields[21] ?? 0) * PAGE;
      seconds.set(pid, ((fields[11] ?? 0) + (fields[12] ?? 0)) / TICKS);
    }
    peak = Math.max(peak, bytes);
  };
  const timer = setInterval(look, LOOK_MS);
  return {
    stop() {
      clearInterval(timer);
      const { user, system } = process.cpuUsage(ours);
      const cpuSeconds = [...seconds.values()].reduce((sum, one) => sum + one, (user + system) / 1e6);
      return { peakMegabytes: Math.round(peak / 1e6), cpuSeconds };
    },
  };
}

function read(pid: string, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1');
  } catch {
    return ''; // it has ended
  }
}
