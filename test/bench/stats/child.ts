import { linesOf } from '../../../scripts/stats/logs/lines.ts';
import { statsOf } from '../../../scripts/stats/stats.ts';
import { USUAL } from '../../stats/usual.ts';
import { report } from '../support.ts';

/** Reads a log into statistics, or only its lines, and prints how much it found. */
const { path, only }: { readonly path: string; readonly only?: 'lines' } = JSON.parse(
  process.argv[2] ?? '{}',
);
await report(async () => {
  if (only === 'lines') {
    let lines = 0;
    for await (const some of linesOf(path, () => process.stdin)) lines += some.length;
    return { lines, cpuSeconds: cpuSeconds() };
  }
  const { requests, bytes, broken, monitors } = await statsOf({ ...USUAL, files: [path] });
  return { requests, bytes, broken: broken.lines, monitors: monitors.requests, cpuSeconds: cpuSeconds() };
});

/** Seconds of all threads of this process. */
function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}
