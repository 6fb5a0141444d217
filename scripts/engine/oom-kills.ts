import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Number of processes in the group of this process that the kernel has killed for lack of memory; 0 if it does not
 * tell. freshclam tests a database in a child, and does not always report how that ended. Source: the kernel's
 * Documentation/admin-guide/cgroup-v2.rst, "memory.events", and cgroup-v1/memory.rst, "memory.oom_control".
 */
export async function oomKills(): Promise<number> {
  const groups = await textOf('/proc/self/cgroup');
  const unified = /^0::(.*)$/m.exec(groups)?.[1];
  const old = /^\d+:(?:[^:]*,)?memory(?:,[^:]*)?:(.*)$/m.exec(groups)?.[1];
  const places = [
    // in a container, the group of this process is the root of the mount
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
