import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Counts how often the kernel has ended a process of this one's group for want of memory; 0 where it does not tell.
 * freshclam tests a database in a child, and does not always say how that ended. Source: the kernel's
 * Documentation/admin-guide/cgroup-v2.rst, "memory.events", and cgroup-v1/memory.rst, "memory.oom_control".
 */
export async function oomKills(): Promise<number> {
  const groups = await textOf('/proc/self/cgroup');
  const unified = /^0::(.*)$/m.exec(groups)?.[1];
  const old = /^\d+:(?:[^:]*,)?memory(?:,[^:]*)?:(.*)$/m.exec(groups)?.[1];
  const places = [
    // in a container its own group is the root of what is mounted there
    ...[old, '/'].map((group) => group && join('/sys/fs/cgroup/memory', group, 'memory.oom_control')),
    ...[unified, '/'].map((group) => group && join('/sys/fs/cgroup', group, 'memory.events')),
  ];
  for (const place of places) {
    const count = place && /^oom_kill (\d+)$/m.exec(await textOf(place))?.[1];
    if (count) return Number(count);
  }
  return 0;
}

async function textOf(path: string): Promise<string> {
  return await readFile(path, 'utf8').catch(() => '');
}
