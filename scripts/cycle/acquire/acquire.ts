import { explain } from '../../base/errors.ts';
import { cvdName, cvdSignName } from '../../cvd/names.ts';
import { carryOver } from '../../mirror/carry-over.ts';
import { isDamage } from '../../store/damage.ts';
import type { Cycle, StagedMirror } from '../context.ts';
import type { Survey, Update } from '../database.ts';
import { surveyDatabase } from '../survey/survey-database.ts';
import { acquireDatabase } from './acquire-database.ts';
import { acquireInTurn } from './in-turn.ts';

/**
 * Brings everything new into the stage, and, if there is anything new, the published files that stay beside it, so that
 * the stage is the mirror as it will be.
 */
export async function acquireUpdates(cycle: Cycle): Promise<void> {
  const { progress } = cycle;
  const acquired = await Promise.all(
    progress.surveys.map(async (survey) => await acquireInTurn(survey, cycle)),
  );
  progress.surveys = acquired.map(({ survey }) => survey);
  progress.updates = acquired.map(({ update }) => update);
  if (!progress.hasUpdates) return;
  progress.updates = await Promise.all(
    acquired.map(({ survey, update }) => withPublished(survey, update, cycle)),
  );
}

/**
 * Completes the stage with those published files of a database that stay. If they do not prove out any more, the whole
 * database is acquired anew, as for a new mirror.
 */
async function withPublished(survey: Survey, update: Update, cycle: Cycle): Promise<Update> {
  const { database, published } = survey;
  if (published === undefined || update.record === undefined) return update;
  const { stage, log } = cycle;
  try {
    await carryOver(database, update.record.version, cycle);
    const isSame = update.record.version === published.version;
    return isSame ? { ...update, ...stagedAsPublished(database, published.version, cycle) } : update;
  } catch (damage) {
    await stage.discardDatabase(database);
    if (!isDamage(damage) || published.held !== undefined) {
      const error = update.error ?? damage;
      return { database, record: undefined, how: 'unchanged', isNew: false, error };
    }
    log.warn(`${database}: what is published is damaged and taken anew: ${explain(damage)}`);
    return await acquireDatabase(await surveyAnew(survey, cycle), cycle);
  }
}

async function surveyAnew({ database, client }: Survey, cycle: Cycle): Promise<Survey> {
  const { trust, log, published, now } = cycle;
  const asking = { client, trust, log, manifest: published.manifest, now: now(), isAsked: false };
  return await surveyDatabase(database, undefined, { ...asking, record: undefined });
}

/** Paths in the stage of the CVD that clients have now, and of its `.sign`. */
export function stagedAsPublished(
  database: string,
  version: number,
  { stage }: Pick<StagedMirror, 'stage'>,
): Pick<Update, 'publishedCvd' | 'publishedSign'> {
  const name = cvdSignName(database, version);
  const publishedSign = stage.files.has(name) ? stage.path(name) : undefined;
  return { publishedCvd: stage.path(cvdName(database)), publishedSign };
}
