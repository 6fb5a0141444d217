import { takeLock } from '../../scripts/files/lock.ts';

/** Takes the lock of the path given to it, says so, and keeps it until it is killed. */
const lock = await takeLock(process.argv[2] ?? '', 'a lock');
process.stdout.write('taken\n');
setInterval(() => lock, 60_000);
