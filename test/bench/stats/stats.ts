import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { makeLog, type Truth, WRITTEN, type Written } from '../../support/stats/generator.ts';
import { type Measured, measure, say, withFolder } from '../support.ts';

/** Lines of each log. */
const LINES = 5_000_000;

interface Read extends Measured, Pick<Truth, 'requests' | 'bytes' | 'broken' | 'monitors'> {
  /** Of all threads: what the machine does beside it does not count. */
  readonly cpuSeconds: number;
}

/**
 * What statistics of five million lines cost in each format, beside reading the lines alone, and how much memory they take
 * beside a tenth of the lines.
 */
export async function stats(): Promise<void> {
  await withFolder(async (folder) => {
    for (const format of WRITTEN) {
      const small = await write(join(folder, 'small.log'), format, LINES / 10);
      const large = await write(join(folder, 'large.log'), format, LINES);
      const alone = await measure<Read>('./stats/child.ts', { path: large.path, only: 'lines' });
      const tenth = await measure<Read>('./stats/child.ts', { path: small.path });
      const whole = await measure<Read>('./stats/child.ts', { path: large.path });
      const wrong = (['requests', 'bytes', 'broken', 'monitors'] as const).filter(
        (count) => whole[count] !== large.truth[count],
      );
      const size = (await stat(large.path)).size / 1e9;
      say(
        `${format}: ${size.toFixed(1)} GB in ${whole.seconds.toFixed(1)} s (${whole.cpuSeconds.toFixed(1)} s of a core), ${(whole.cpuSeconds / alone.cpuSeconds).toFixed(1)} times its lines alone, ` +
          `${Math.round(whole.peakMegabytes)} MB beside ${Math.round(tenth.peakMegabytes)} MB for a tenth; ` +
          (wrong.length === 0 ? 'all counts right' : `wrong: ${wrong.join(', ')}`),
      );
    }
  });
}

async function write(path: string, format: Written, lines: number) {
  const { truth, pieces } = makeLog({ format, lines, clients: 20_000, days: 30 });
  const file = createWriteStream(path);
  for (const piece of pieces) if (!file.write(piece)) await once(file, 'drain');
  file.end();
  await once(file, 'finish');
  return { path, truth };
}
