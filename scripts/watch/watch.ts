import { isWithin, SEEN_LATELY_MS } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { HEADER_SIZE, parseHeader } from '../cvd/header.ts';
import { cvdName } from '../cvd/names.ts';
import type { Engine } from '../engine/engine.ts';
import { asVerdict } from '../files/verify.ts';
import type { Manifest } from '../mirror/manifest.ts';
import type { Workflows } from '../notify/github/github.ts';
import type { RunReport } from '../notify/run-report.ts';
import type { Finding } from '../probe/finding.ts';
import { ProbeClient } from '../probe/http-client.ts';
import { type ProbeReport, probeMirror } from '../probe/probe.ts';
import { readManifest } from '../probe/read-manifest.ts';
import { guarded, untilGivenUp } from '../probe/target.ts';
import type { Trust } from '../verify/trust.ts';
import { checkBehind, checkKnown, checkLastCheck } from './behind.ts';
import { checkEngineAges } from './engine-ages.ts';
import { verdictsOf } from './failures.ts';
import { KeptClients } from './kept-clients.ts';
import { newestOf } from './newest.ts';
import { checkWithEngines } from './real-client.ts';
import { checkWorkflow } from './schedule.ts';
import type { WatchSettings } from './settings.ts';
import { checkSignAge } from './signs.ts';

export interface WatchContext {
  readonly engines: readonly Engine[];
  /** GitHub's record of workflows, if there is a token. */
  readonly workflows?: Workflows;
  readonly trust: Trust;
  readonly log: Log;
  readonly now: () => Date;
}

/** Report of the probe with the findings of the watch, and the report for the notifier. */
export interface WatchReport extends ProbeReport {
  readonly run: RunReport;
}

/**
 * Checks the published mirror from outside, as clients meet it: the probe, a real client of every engine, its age, and
 * whether its workflow still runs. Never throws for what the mirror does. Throws `engine/broken`.
 */
export async function watch(settings: WatchSettings, context: WatchContext): Promise<WatchReport> {
  const { limits, workflow } = settings;
  const { engines, workflows, trust, log } = context;
  const now = context.now();
  const begun = performance.now();
  const left = () => settings.timeout - (performance.now() - begun);
  const quiet = { dns: undefined, full: false, client: undefined }; // `watch` has checks of its own for these
  const probed = await probeMirror({ ...settings, ...quiet, trust, now: () => now });
  const findings: Finding[] = [...probed.findings];
  const {
    manifest,
    served,
    upstream,
    findings: found,
  } = await checkAge({ ...settings, timeout: left() }, probed, { trust, now });
  if (manifest !== undefined) drop(findings, 'timestamp'); // the check of the manifest covers it, by our limits
  findings.push(...found);
  const versions = new Map(Object.entries(probed.databases));
  if (versions.size > 0 && engines.length > 0) {
    const served = { versions, signed: probed.signed };
    const kept =
      settings.clients === undefined
        ? undefined
        : await KeptClients.open(settings.clients, { trust, log, now });
    findings.push(...(await checkWithEngines(engines, served, { settings, left, kept })));
    await kept?.save();
  }
  findings.push(...checkEngineAges([...(manifest?.proof.engines ?? []), ...engines], now));
  if (workflows !== undefined) {
    findings.push(...(await checkWorkflow(workflows, workflow, { limits, now: now.getTime() })));
  }
  const known = manifest !== undefined || served > 0;
  return {
    ...probed,
    verdict: findings.some(({ verdict }) => verdict === 'fault') ? 'failed' : 'good',
    findings,
    run: {
      ...verdictsOf(findings, known),
      serving:
        manifest === undefined
          ? null
          : {
              versions: probed.databases,
              checked: manifest.checked,
              published: manifest.published,
              url: probed.url,
            },
      upstream,
      at: context.now().toISOString(),
    },
  };
}

interface Age {
  readonly manifest: Manifest | undefined;
  /** Number of databases whose served version is known. */
  readonly served: number;
  readonly upstream: Record<string, number>;
  readonly findings: readonly Finding[];
}

/** Checks the age of what is served. If nothing answers, the probe reports it, and the age is not known. */
async function checkAge(
  settings: WatchSettings,
  probed: ProbeReport,
  { trust, now }: { readonly trust: Trust; readonly now: Date },
): Promise<Age> {
  const age = { limits: settings.limits, now: now.getTime() };
  await using client = new ProbeClient(settings);
  let manifest: Manifest | undefined;
  const ours = new Map<string, { version: number; built: number }>();
  const readServed = async () => {
    ({ manifest } = await readManifest(client));
    for (const database of Object.keys(probed.databases)) {
      const range = `bytes=0-${HEADER_SIZE - 1}`;
      const { body } = await client.ask(cvdName(database), { headers: { range }, keep: HEADER_SIZE });
      const { version, stime } = asVerdict(() => parseHeader(body));
      ours.set(database, { version, built: stime * 1000 });
    }
  };
  await untilGivenUp(() => guarded('mirror', 'age', readServed)); // the probe reports errors
  const served = new Map([...ours].map(([database, { version }]) => [database, version]));
  const newest = await newestOf(served, settings, { trust, now, seenLately: seenLately(manifest, now) });
  return {
    manifest,
    served: served.size,
    upstream: Object.fromEntries([...newest.versions].map(([database, { version }]) => [database, version])),
    findings: [
      ...(manifest === undefined ? [] : checkLastCheck(manifest, settings.databases, age)),
      ...[...ours].flatMap(([database, has]) =>
        checkBehind(database, has, newest.versions.get(database), { manifest, ...age }),
      ),
      ...[...ours].flatMap(([database, { version }]) =>
        checkSignAge(database, { version, there: probed.signed.includes(database) }, { manifest, ...age }),
      ),
      ...(served.size === 0 ? [] : checkKnown(served.keys(), newest)),
    ],
  };
}

/** Databases that the mirror says it saw upstream have lately. A mirror that lies can hide no more than some hours. */
function seenLately(manifest: Manifest | undefined, now: Date): ReadonlySet<string> {
  const seen = Object.entries(manifest?.databases ?? {}).filter(
    ([, { seen, version }]) => seen?.version === version && isWithin(seen.at, SEEN_LATELY_MS, now),
  );
  return new Set(seen.map(([database]) => database));
}

function drop(findings: Finding[], check: string): void {
  for (let at = findings.length - 1; at >= 0; at--) if (findings[at]?.check === check) findings.splice(at, 1);
}
