import { explain } from '../../base/errors.ts';
import type { DatabaseRecord } from '../../mirror/manifest.ts';
import { inspectPin } from '../../mirror/pin.ts';
import { type DnsRecord, isInRecord } from '../../upstream/dns.ts';
import type { UpstreamFiles } from '../../upstream/http-client.ts';
import { lookUpProxied } from '../../upstream/look-up.ts';
import { isClamavsOwn } from '../../upstream/official.ts';
import type { Cycle } from '../context.ts';
import { asPublished, type Survey } from '../database.ts';
import { waitsAsDoubted } from '../memory/doubts.ts';
import { forgetOtherEngines, quarantineDeadly, quarantineKnown } from '../memory/quarantine.ts';
import { forgetWithdrawn } from '../memory/retirement.ts';
import { triedOf } from '../memory/tried.ts';
import { surveyInTurn } from './in-turn.ts';
import { pinnedDamage } from './pinned.ts';
import { surveyDatabase, surveySignOf } from './survey-database.ts';

/**
 * Asks upstream about every database whose turn it is, and leaves out what was refused before: unless somebody asked for
 * this run by hand.
 */
export async function surveyDatabases(cycle: Cycle): Promise<void> {
  const { databases, memory, progress, isAsked, now, openProver } = cycle;
  const { state, trials } = memory;
  if (!isAsked) await forgetOtherEngines(databases, state, now(), openProver);
  const record = await askDns(cycle);
  progress.surveys = await Promise.all(databases.map((database) => surveyOne(database, record, cycle)));
  progress.updates = progress.surveys.map(asPublished); // until something is acquired
  await forgetWithdrawn(progress.surveys, state.waits);
  const idle = progress.surveys.filter(
    (survey) => survey.error === undefined && triedOf(survey) === undefined,
  );
  await trials.forget(idle.map(({ database }) => database));
}

async function surveyOne(database: string, record: DnsRecord | undefined, cycle: Cycle): Promise<Survey> {
  const surveyHere = async (client: UpstreamFiles) => await surveyAt(client, database, record, cycle);
  return await surveyInTurn(cycle.clientsFor(database), surveyHere);
}

/** Asks one upstream about a database, and leaves out what was refused before. */
export async function surveyAt(
  client: UpstreamFiles,
  database: string,
  record: DnsRecord | undefined,
  cycle: Cycle,
): Promise<Survey> {
  const { settings, published, mirror, memory, isAsked, log, trust, store } = cycle;
  const now = cycle.now();
  const { manifest } = published;
  const known = recordOf(database, cycle);
  const asking = { client, log, manifest, now, isAsked };
  const found = await surveyDatabase(
    database,
    settings.resync && known?.held === undefined ? undefined : known,
    {
      ...asking,
      record,
      trust,
      asksForCld: !isClamavsOwn(client.url),
      md5: mirror.headers.get(database)?.md5,
      pinDoubt: known && manifest && inspectPin(database, known, manifest, now).doubt,
    },
  );
  const note = mirror.notes.get(database);
  const survey = note === undefined ? found : { ...found, note };
  if (survey.published?.held !== undefined && published.damaged.includes(database))
    return { ...survey, error: pinnedDamage(database, store) };
  if (isAsked) return survey;
  const { state, trials } = memory;
  const quarantined = quarantineKnown(await quarantineDeadly(survey, trials, state, now), state, now);
  return await surveySignOf(waitsAsDoubted(quarantined, state.doubts, now), asking);
}

/** The published record, or `undefined` if its files are damaged. A pinned database keeps its record even then. */
function recordOf(database: string, { published }: Cycle): DatabaseRecord | undefined {
  const described = published.manifest?.databases[database];
  return published.databases.get(database) ?? (described?.held === undefined ? undefined : described);
}

/** DNS is a convenience: without it, every database is asked for by itself (field-notes.md, defect 9). */
async function askDns({ settings, databases, log, now }: Cycle): Promise<DnsRecord | undefined> {
  const { dns, proxies } = settings;
  if (dns === undefined || !databases.some(isInRecord)) return undefined;
  try {
    return await lookUpProxied({ ...dns, proxies }, now());
  } catch (error) {
    log.warn(`${explain(error)}; asking upstream itself`);
    return undefined;
  }
}
