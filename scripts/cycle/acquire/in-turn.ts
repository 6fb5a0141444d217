import { codeOf, explain } from '../../base/errors.ts';
import type { Cycle } from '../context.ts';
import type { Survey, Update } from '../database.ts';
import { isRefusal } from '../report.ts';
import { passedOver } from '../survey/in-turn.ts';
import { surveyAt } from '../survey/survey.ts';
import { acquireDatabase } from './acquire-database.ts';

/** A database with the upstream that it came from, or was to come from. */
export interface Acquired {
  readonly survey: Survey;
  readonly update: Update;
}

/**
 * Brings everything new of one database into the stage. If the files of one upstream cannot be had or are refused, the next
 * one that has as new a version takes over within the same cycle. What is wrong with each is told in any case.
 */
export async function acquireInTurn(survey: Survey, cycle: Cycle): Promise<Acquired> {
  const { database } = survey;
  const first = await acquireFrom(survey, cycle);
  const tried: Acquired[] = [first];
  const others = [...(survey.passedOver ?? [])];
  const clients = cycle.clientsFor(database);
  for (const client of clients.slice(clients.findIndex(({ url }) => url === survey.client.url) + 1)) {
    const last = tried.at(-1) ?? first;
    if (!isForNext(last)) break;
    cycle.log.warn(`${database}: ${explain(last.update.error)}; asking ${client.url}`);
    const next = await surveyAt(client, database, undefined, cycle);
    if (offeredBy(next) < offeredBy(survey)) others.push(passedOver(next));
    else tried.push(await acquireFrom(next, cycle));
  }
  const best =
    tried.find(({ update }) => update.error === undefined) ??
    tried.find(({ update }) => isRefusal(update.error)) ?? // weighs more than what may pass
    first;
  for (const { survey, update } of tried)
    if (update !== best.update) others.push(passedOver({ ...survey, error: update.error }));
  return others.length === 0 ? best : { ...best, survey: { ...best.survey, passedOver: others } };
}

async function acquireFrom(survey: Survey, cycle: Cycle): Promise<Acquired> {
  const update = await acquireDatabase(survey, cycle);
  const { record, how } = update;
  if (record === undefined || how === 'unchanged') return { survey, update };
  return { survey, update: { ...update, record: { ...record, source: survey.client.url } } };
}

/** True for a new version that did not come or is not genuine, which another upstream may have right. */
function isForNext({ survey, update }: Acquired): boolean {
  return offeredBy(survey) > 0 && OF_UPSTREAM.test(codeOf(update.error) ?? '');
}

/** Codes that blame an upstream; `store/missing`: it offers less than the store had before it was damaged. */
const OF_UPSTREAM = /^(upstream|verify|cvd)\/|^store\/missing$/;

/** The new version that may be taken from there; 0: none. */
function offeredBy({ advertisement, quarantined }: Survey): number {
  return advertisement.isNew && quarantined === undefined ? advertisement.offer.header.version : 0;
}
