import { readdir, readFile, readlink, realpath } from 'node:fs/promises';

/**
 * Kills programs of these names that run below a folder. What a killed run had started outlives it: a clamd would keep its
 * memory for ever. Others who may stand in the folder, such as a shell, are left alone. Without /proc nothing happens.
 */
export async function killPrograms(names: readonly string[], folder: string): Promise<void> {
  const place = await realpath(folder).catch(() => undefined);
  if (place === undefined) return; // no run has left anything
  for (const pid of await readdir('/proc').catch(() => [])) {
    const at = await readlink(`/proc/${pid}/cwd`).catch(() => ''); // others' cannot be read
    if (!at.startsWith(`${place}/`)) continue;
    const name = await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '');
    if (names.includes(name.trim())) kill(Number(pid));
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // it has already ended
  }
}
