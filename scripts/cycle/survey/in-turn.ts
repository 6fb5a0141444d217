import { codeOf, explain } from '../../base/errors.ts';
import type { UpstreamFiles } from '../../upstream/http-client.ts';
import type { PassedOver, Survey } from '../database.ts';
import { isRefusal } from '../report.ts';

/**
 * Asks one upstream after the other until one leaves nothing open. The next one costs its 522 bytes only if the one before
 * failed, cools down, was refused, or lags behind what DNS names or what is published. One that is merely slower than the
 * next is asked alone: nothing shows that there is anything to find elsewhere.
 */
export async function surveyInTurn(
  clients: readonly UpstreamFiles[],
  surveyAt: (client: UpstreamFiles) => Promise<Survey>,
): Promise<Survey> {
  const surveys: Survey[] = [];
  for (const client of clients) {
    const survey = await surveyAt(client);
    surveys.push(survey);
    if (isSettled(survey)) break;
  }
  const [first] = surveys;
  if (first === undefined) throw new Error('a mirror has at least one upstream');
  const best = surveys.reduce((one, other) => (rank(other) > rank(one) ? other : one), first);
  const others = surveys.filter((survey) => survey !== best);
  return others.length === 0 ? best : { ...best, passedOver: others.map(passedOver) };
}

/** Words for an upstream that does not serve a database in this cycle. */
export function passedOver(survey: Survey): PassedOver {
  const { client, advertisement } = survey;
  const error = survey.error ?? survey.quarantined;
  if (error !== undefined)
    return { client, code: codeOf(error) ?? 'unexpected', reason: explain(error), error };
  return { client, code: 'upstream/stale', reason: advertisement.note ?? 'it has nothing newer' };
}

/** True if no other upstream could do better, as far as this one shows. */
function isSettled({ advertisement, error, quarantined }: Survey): boolean {
  if (error !== undefined) return false;
  return advertisement.isNew ? !isOfUpstream(quarantined) : advertisement.lag === undefined;
}

/** True if files are to blame that another upstream may have right. A verdict of engines holds for the same bytes everywhere. */
function isOfUpstream(quarantined: Survey['quarantined']): boolean {
  return quarantined !== undefined && !(codeOf(quarantined) ?? '').startsWith('proof/');
}

/** Orders surveys: the newest version to take, one that is held back, no news, something refused, no answer. */
function rank({ advertisement, error, quarantined }: Survey): number {
  if (error !== undefined) return isRefusal(error) ? 0 : -1;
  if (!advertisement.isNew) return 1;
  return quarantined === undefined ? 3 + advertisement.offer.header.version : 2;
}
