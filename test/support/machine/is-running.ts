import { readFileSync } from 'node:fs';
import { codeOf } from '../../../scripts/base/errors.ts';

/** True while a process runs. One that has ended does not, also where nobody ever waits for it, as in a container without an init. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return process.platform !== 'linux' || !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch (error) {
    if (codeOf(error) === 'ESRCH' || codeOf(error) === 'ENOENT') return false;
    throw error;
  }
}
