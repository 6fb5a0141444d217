import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { historyJson } from '../../scripts/page/history.ts';
import { ninetyDays, wellFacts } from '../page/facts.ts';
import { type Measured, measure, say, spread, withFolder } from './support.ts';

interface FaceRun extends Measured {
  readonly milliseconds: readonly number[];
}

/** What a cycle without news takes longer because it writes the status page, with ninety days of history. */
export async function face(): Promise<void> {
  await withFolder(async (folder) => {
    const { history: _, ...facts } = wellFacts();
    await writeFile(join(folder, 'history.json'), historyJson(ninetyDays(facts.manifest)));
    const run = async (times: number) =>
      (await measure<FaceRun>('./face-child.ts', { folder, facts, times })).milliseconds;
    await run(1); // compiles what the others find compiled
    const first: number[] = [];
    for (let time = 0; time < 7; time++) first.push(...(await run(1)));
    say(
      `once, in a new process: ${spread(first)} ms; again in the same process: ${spread(await run(20))} ms`,
    );
  });
}
