import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type BringParts,
  type Brought,
  bringNews,
  bringPublished,
  type Look,
  look,
  wantsWork,
} from './bring.ts';
import { SIGN_LIMIT } from './cvd/clamsign.ts';
import { codeOf, explain } from './errors.ts';
import { takeLock } from './files/lock.ts';
import { bytes, type Log } from './log.ts';
import { nextManifest } from './next-manifest.ts';
import type { Prove } from './proof/prove.ts';
import type { Proof } from './proof/record.ts';
import {
  type CycleReport,
  type End,
  endedBy,
  isRefusal,
  nothingBrought,
  refusedBy,
  summarize,
} from './report.ts';
import type { SyncSettings } from './settings.ts';
import { Stage } from './stage.ts';
import { State } from './state.ts';
import { publish } from './store/publish.ts';
import { type Published, readPublished } from './store/published.ts';
import type { Store } from './store/store.ts';
import { type DnsRecord, lookUp } from './upstream/dns.ts';
import { openUpstream } from './upstream/open.ts';
import type { Trust } from './verify/trust.ts';

export interface CycleParts {
  readonly store: Store;
  /** Gives what proves a stage, or throws before anything is downloaded if no engine is there. */
  readonly findProver: () => Promise<Prove>;
  readonly trust: Trust;
  readonly log: Log;
  readonly now: () => Date;
}

/** One run of the mirror: from what upstream advertises to what clients see. Never throws: the report says it. */
export async function runCycle(settings: SyncSettings, parts: CycleParts): Promise<CycleReport> {
  const begun = performance.now();
  const duration = () => Math.round(performance.now() - begun) / 1000;
  try {
    using _lock = await takeLock(join(settings.work, 'lock'), `the work folder ${settings.work}`);
    await using _run = await cleared(settings.work, parts.log);
    return { ...(await cycle(settings, parts)), duration: duration() };
  } catch (error) {
    const outcome = isRefusal(error) ? 'refused' : 'failed';
    const failure = { code: codeOf(error) ?? 'unexpected', message: explain(error) };
    return { outcome, databases: {}, proof: null, upstreamBytes: 0, duration: duration(), error: failure };
  }
}

async function cycle(settings: SyncSettings, parts: CycleParts): Promise<Omit<CycleReport, 'duration'>> {
  const { store, trust, log, now } = parts;
  const published = await readPublished(store);
  const state = await State.load(settings.work);
  await using upstream = openUpstream({
    url: settings.upstream,
    userAgent: settings.userAgent(state.uuid),
    proxies: settings.proxies,
    coolDown: state.coolDownOf(settings.upstream),
    now,
  });

  const record = await askDns(settings, parts);
  const looks = await Promise.all(
    settings.databases.map((database) => {
      const client = upstream.client((received) =>
        log.progress(`${database}: ${bytes(received)} from upstream`),
      );
      return look(database, published.databases.get(database), { client, record, trust });
    }),
  );
  if (!looks.some(wantsWork)) return await endWithoutNews(looks.map(nothingBrought), looks, published, parts);

  const prove = await parts.findProver();
  const workFolder = join(settings.work, RUN_FOLDER);
  const stage = await Stage.create(workFolder);
  const limits = { cvd: settings.maxSize, cdiff: settings.maxSize, sign: SIGN_LIMIT };
  const bringParts: BringParts = { store, published, trust, stage, limits, window: settings.window, log };
  const pairs = await Promise.all(
    looks.map(async (seen) => ({ seen, brought: await bringNews(seen, bringParts) })),
  );
  const news = pairs.map(({ brought }) => brought);
  if (!news.some((one) => one.news)) return await endWithoutNews(news, looks, published, parts);
  const brought = await Promise.all(pairs.map((one) => bringPublished(one.seen, one.brought, bringParts)));
  if (!brought.some((one) => one.news)) return await endWithoutNews(brought, looks, published, parts);

  let proof: Proof | null = null;
  const ended = (end?: End) => summarize({ looks, brought, published, proof, end });
  try {
    log.info('proving the stage with real ClamAV');
    proof = await prove({
      folder: stage.folder,
      staged: new Map(brought.flatMap(({ database, record }) => (record ? [[database, record]] : []))),
      published: new Map(
        brought.flatMap(({ database, publishedCvd }) => (publishedCvd ? [[database, publishedCvd]] : [])),
      ),
      workFolder,
    });
    if (!proof.passed) return ended(refusedBy(proof));
    const previous = published.manifest;
    const next = nextManifest({ settings, now: now(), previous, brought, looks, stage, proof });
    await publish(store, published.tag, { stage, next });
  } catch (error) {
    return ended(endedBy(error));
  }
  return ended();
}

/** DNS is a convenience: without it, every database is asked for by itself (field-notes.md, defect 9). */
async function askDns({ dns }: SyncSettings, { log, now }: CycleParts): Promise<DnsRecord | undefined> {
  if (dns === undefined) return undefined;
  try {
    return await lookUp(dns.record, dns.nameservers, now());
  } catch (error) {
    log.warn(`${explain(error)}; asking upstream itself`);
    return undefined;
  }
}

/** Nothing to prove or to publish; if all is well, the mirror says when it was checked. */
async function endWithoutNews(
  brought: readonly Brought[],
  looks: readonly Look[],
  published: Published,
  { store, now }: CycleParts,
): Promise<Omit<CycleReport, 'duration'>> {
  const { manifest, tag } = published;
  if (manifest !== undefined && brought.every(({ trouble }) => trouble === undefined)) {
    const next = { ...manifest, checked: now().toISOString() };
    await publish(store, tag, { stage: undefined, next });
  }
  return summarize({ looks, brought, published, proof: null, end: undefined });
}

/** In the work folder: the stage, and the clients that prove it. */
const RUN_FOLDER = 'run';

/** Clears the work folder of what a run that was killed left there, and when let go, of what this one left. */
async function cleared(work: string, log: Log): Promise<AsyncDisposable> {
  const clear = async () => {
    for (const name of await readdir(work)) {
      if (name !== RUN_FOLDER && !name.startsWith('.tmp-')) continue;
      // ClamAV's tools outlive a run that was killed by a moment, and may still be writing
      await rm(join(work, name), { recursive: true, force: true, maxRetries: 5 });
    }
  };
  await clear();
  return {
    [Symbol.asyncDispose]: () =>
      clear().catch((error) => log.warn(`cannot clear the work folder ${work}: ${explain(error)}`)),
  };
}
