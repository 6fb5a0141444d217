import { HEADER_SIZE } from '../../cvd/header.ts';
import { cdiffName, cvdName } from '../../cvd/names.ts';
import type { DatabaseRecord } from '../../mirror/manifest.ts';
import { claimedVersion, filesOf } from '../../mirror/published.ts';
import type { Cycle } from '../context.ts';
import { asPublished, type Survey } from '../database.ts';
import { quarantineDeadly, quarantineKnown } from '../memory/quarantine.ts';
import type { Adoption } from './adoption.ts';

/**
 * Compares what is published with what the adopted folder has. The folder only helps: a newer CVD, or CDIFFs that lengthen
 * the published chain. Nothing goes back, and what is pinned stays.
 */
export async function surveyAdopted(cycle: Cycle): Promise<void> {
  const { databases, progress, adoption } = cycle;
  if (adoption === undefined) return;
  progress.surveys = await Promise.all(databases.map((database) => surveyOne(database, cycle, adoption)));
  progress.updates = progress.surveys.map(asPublished);
}

async function surveyOne(database: string, cycle: Cycle, adoption: Adoption): Promise<Survey> {
  const { published: mirror, memory, isAsked, clientsFor, window } = cycle;
  const published = mirror.databases.get(database);
  const [client] = clientsFor(database);
  if (client === undefined) throw new Error('the adopted folder stands for one upstream');
  const isPinned = mirror.manifest?.databases[database]?.held !== undefined;
  const cvd = isPinned ? undefined : adoption.cvdOf(database);
  const version = claimedVersion(mirror, database) ?? 0;
  if (cvd === undefined || cvd.verified.header.version <= version) {
    const more = published && lengthened(database, published, { cycle, adoption, window });
    return { database, client, published: more ?? published, advertisement: { isNew: false } };
  }
  const { header } = cvd.verified;
  const start = await client.probe(cvdName(database));
  const gzipHeader = Uint8Array.from(start.subarray(HEADER_SIZE));
  const offer = { database, header, gzipHeader };
  const survey = { database, client, published, advertisement: { isNew: true, offer } as const };
  if (isAsked) return survey;
  const now = cycle.now();
  return quarantineKnown(await quarantineDeadly(survey, memory.trials, memory.state, now), memory.state, now);
}

/** The record with those CDIFFs as missing too that the folder has, and that make the published chain longer. */
function lengthened(
  database: string,
  published: DatabaseRecord,
  {
    cycle,
    adoption,
    window,
  }: { readonly cycle: Cycle; readonly adoption: Adoption; readonly window: number },
): DatabaseRecord {
  const { version } = published;
  const files = new Set(filesOf(cycle.published.manifest, database));
  const found: number[] = [];
  for (let step = version; step > Math.max(version - window, 1); step--) {
    const name = cdiffName(database, step);
    if (files.has(name)) continue;
    if (!adoption.hasCdiff(name)) break;
    found.unshift(step);
  }
  const missing = new Set([...published.missingCdiffs, ...found]);
  return { ...published, missingCdiffs: [...missing].sort((a, b) => a - b) };
}
