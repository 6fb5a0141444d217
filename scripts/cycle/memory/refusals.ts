import type { Cycle } from '../context.ts';
import { rememberDoubt } from './doubts.ts';
import { quarantine } from './quarantine.ts';

/**
 * Remembers which versions were refused or did not come right, so that the next run need not try them again at once, and
 * forgets those that passed. `basis` identifies the engines and samples that judged.
 */
export async function rememberRefusals(cycle: Cycle, basis: string | undefined): Promise<void> {
  const { progress, memory, now } = cycle;
  for (const { database, advertisement, quarantined } of progress.surveys) {
    if (!advertisement.isNew || quarantined !== undefined) continue;
    const { error } = progress.updates.find((update) => update.database === database) ?? {};
    const { version, md5 } = advertisement.offer.header;
    const attempted = { database, tried: { version, md5 }, error };
    await quarantine(attempted, memory.state, now(), basis);
    await rememberDoubt(attempted, memory.state.doubts, now());
  }
}
