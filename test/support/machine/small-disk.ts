import { spawnSync } from 'node:child_process';
import { describeWith } from '../setup/official.ts';
import { triedPart } from '../setup/real-part.ts';

const trial = ['unshare', '--mount', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt'];

/** Like `describe`, and skipped where a small file system, to be filled, cannot be mounted. */
export const describeWithSmallDisks = describeWith(
  await triedPart('small-disks', trial, 'the right to mount a small file system, to fill it'),
);

/** A file system of this size in the place of a folder. */
export function mount(folder: string, size: string): Disposable & { resize(size: string): void } {
  const run = (program: string, ...args: string[]) => {
    const { status, stderr } = spawnSync(program, [...args, folder], { encoding: 'utf8' });
    if (status !== 0) throw new Error(`${program}: ${stderr}`);
  };
  run('mount', '-t', 'tmpfs', '-o', `mode=755,size=${size}`, 'tmpfs');
  return {
    resize: (larger) => run('mount', '-o', `remount,size=${larger}`),
    [Symbol.dispose]: () => run('umount'),
  };
}
