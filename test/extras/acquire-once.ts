import { acquireExtras } from '../../scripts/extras/acquire.ts';
import { contextIn } from './context.ts';

/** Acquires extras in a process of its own, to be killed: `node acquire-once.ts WORK SOURCES`. */
const [, , work = '', sources = ''] = process.argv;
process.stdout.write(JSON.stringify(await acquireExtras(JSON.parse(sources), contextIn(work))));
