import { isDoubtful } from '../../upstream/ask-again.ts';
import type { Cycle } from '../context.ts';
import type { Survey } from '../database.ts';
import { isRefusal } from '../report.ts';
import { rememberDoubt } from './doubts.ts';
import { quarantine } from './quarantine.ts';

/**
 * Remembers which versions were refused or did not come right, so that the next run need not try them again at once, and
 * forgets those that passed. `basis` identifies the engines and samples that judged.
 */
export async function rememberRefusals(cycle: Cycle, basis: string | undefined): Promise<void> {
  const { progress, memory, now } = cycle;
  for (const survey of progress.surveys) {
    const { database, advertisement, quarantined } = survey;
    if (!advertisement.isNew || quarantined !== undefined) continue;
    const { error } = progress.updates.find((update) => update.database === database) ?? {};
    const { version, md5 } = advertisement.offer.header;
    const attempted = { database, tried: { version, md5 }, error, upstreams: blamedWith(survey, error) };
    await quarantine(attempted, memory.state, now(), basis);
    await rememberDoubt(attempted, memory.state.doubts, now());
  }
}

/** URLs of the upstreams that an error of this kind blames. */
function blamedWith({ client, passedOver = [] }: Survey, error: unknown): string[] {
  const others = passedOver.filter(
    (one) => (isRefusal(error) && isRefusal(one.error)) || (isDoubtful(error) && isDoubtful(one.error)),
  );
  return [client, ...others.map((one) => one.client)].map(({ url }) => url);
}
