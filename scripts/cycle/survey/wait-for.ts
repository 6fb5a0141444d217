import { setTimeout as wait } from 'node:timers/promises';
import { codeOf, explain } from '../../base/errors.ts';
import { AWAIT_PAUSE_MS } from '../../base/limits/upstream.ts';
import { lasting } from '../../base/words.ts';
import { manifestOf } from '../../mirror/published.ts';
import { advertise } from '../../upstream/advertise.ts';
import { openUpstream } from '../../upstream/open.ts';
import type { CycleDeps } from '../context.ts';
import { runCycle } from '../cycle.ts';
import { State } from '../memory/state.ts';
import { type CycleReport, worst } from '../report.ts';
import type { CycleSettings } from '../settings.ts';
import { openWorkspace } from '../workspace.ts';

/** A version that somebody knows to be coming, and for how many milliseconds to wait for it. */
export interface Awaited {
  readonly database: string;
  readonly version: number;
  readonly patience: number;
}

/**
 * Runs one cycle as soon as upstream has a version, or once it has been waited for long enough. The cycle runs in any
 * case, because something else may be new; the report fails if the version is not published then.
 */
export async function runWhenOffered(
  awaited: Awaited,
  settings: CycleSettings,
  deps: CycleDeps,
  sleep: (milliseconds: number) => Promise<unknown> = wait,
): Promise<CycleReport> {
  await untilOffered(awaited, settings, deps, sleep);
  const report = await runCycle(settings, deps);
  const { database, version, patience } = awaited;
  const { to = null, offered = 0, outcome } = report.databases[database] ?? {};
  const has = outcome === 'proven' ? offered : (to ?? 0);
  if (has >= version || report.error !== undefined) return report;
  const message = `${database} ${version} was waited for ${lasting(patience)} at most, and is not published`;
  return {
    ...report,
    outcome: worst([report.outcome, 'failed']),
    error: { code: 'upstream/awaited', message },
  };
}

/**
 * Asks for 522 bytes, and less and less often: some ten requests in an hour. The work folder is locked only meanwhile, so
 * that other runs can go on. While every upstream cools down there is nothing to wait for.
 */
async function untilOffered(
  { database, version, patience }: Awaited,
  settings: CycleSettings,
  deps: CycleDeps,
  sleep: (milliseconds: number) => Promise<unknown>,
): Promise<void> {
  const manifest = await manifestOf(deps.store);
  if ((manifest?.databases[database]?.version ?? 0) >= version) return; // told of it twice
  const end = deps.now().getTime() + patience;
  for (let pause: number = AWAIT_PAUSE_MS.first; ; pause = Math.min(2 * pause, AWAIT_PAUSE_MS.longest)) {
    const newest = await newestOffered(database, settings, deps).catch((error) => {
      deps.log.warn(explain(error));
      return codeOf(error) === 'upstream/cool-down' ? ('cooling down' as const) : 0;
    });
    if (newest === 'cooling down' || newest >= version || deps.now().getTime() + pause > end) return;
    const seen = newest === 0 ? 'does not answer' : `has ${database} ${newest}`;
    deps.log.info(`upstream ${seen}, and not yet ${version}; asking again in ${lasting(pause)}`);
    await sleep(pause);
  }
}

/** The newest version by the signed headers of all upstreams. Throws if none of them answers. */
async function newestOffered(
  database: string,
  { upstreams, work, proxies, userAgent, retry }: CycleSettings,
  { trust, log, now }: CycleDeps,
): Promise<number> {
  await using _ = await openWorkspace(work, log);
  const state = await State.load(work, now());
  const asked = await Promise.allSettled(
    upstreams.map(async (url) => {
      const coolDown = state.coolDownOf(url, { isAsked: retry, isRetry: retry });
      await using upstream = openUpstream({ url, userAgent: userAgent(state.uuid), proxies, coolDown, now });
      const client = upstream.client();
      const offer = await advertise(database, undefined, { client, record: undefined, trust, log });
      return offer.isNew ? offer.offer.header.version : 0;
    }),
  );
  const versions = asked.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  if (versions.length > 0) return Math.max(...versions);
  const reasons = asked.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []));
  throw reasons.find((reason) => codeOf(reason) !== 'upstream/cool-down') ?? reasons[0];
}
