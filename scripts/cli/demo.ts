import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Log, SILENT } from '../base/log.ts';
import { bytes, took } from '../base/words.ts';
import { runCycle } from '../cycle/cycle.ts';
import type { CycleReport } from '../cycle/report.ts';
import type { Engine } from '../engine/engine.ts';
import { findNativeEngine } from '../engine/native.ts';
import { Transcript } from '../engine/transcript.ts';
import { replaceFile } from '../files/atomic.ts';
import { type Host, startHost } from '../host/host.ts';
import { checkTree } from '../mirror/check/check-tree.ts';
import { FACE } from '../mirror/pages.ts';
import { proveWith } from '../proof/prove.ts';
import { freshClient } from '../proof/scenarios/fresh-client.ts';
import { scan } from '../proof/scenarios/scan.ts';
import type { Scene } from '../proof/scenarios/scenario.ts';
import { syncSettings } from '../settings/commands/sync.ts';
import { given } from '../settings/environment.ts';
import { FolderStore } from '../store/folder.ts';
import { TALOS } from '../verify/trust.ts';
import { playFalseAlarm } from './demo/false-alarm.ts';

/** Lines of the table at the end of the demo. */
type Table = [what: string, shown: string][];

/**
 * Plays the demo in a temporary folder: the real cycle, the real clients, official data. Throws at the first thing
 * that is not as promised.
 */
export async function play(options: {
  official: string;
  path: string;
  keep: boolean;
  log: Log;
}): Promise<void> {
  const { official, keep, log } = options;
  const folder = await mkdtemp(join(tmpdir(), 'clamav-mirror-demo-'));
  const [upstreamFolder, store] = [join(folder, 'upstream'), join(folder, 'mirror')];
  await mkdir(upstreamFolder);
  await mkdir(store);
  try {
    await using upstream = await startHost({ folder: upstreamFolder });
    await using mirror = await startHost({ folder: store });
    const engine = await findNativeEngine(options.path);
    const table: Table = [];
    const sync = async () => await runDemoCycle(upstream, store, engine, log);
    const client = (name: string, version: number, signatures: number): Scene => ({
      candidate: {
        folder: store,
        staged: new Map([['test', { version, signatures, fLevel: 81, cdiffs: null }]]),
        published: new Map(),
        retained: new Map(),
        workFolder: folder,
      },
      engine,
      folder: join(folder, name),
      samples: [],
      timeout: 60_000,
      transcript: new Transcript(),
    });

    logStep(log, `An upstream on loopback (${upstream.url}) offers Talos' database "test", version 1.`);
    await offer(official, upstreamFolder, 1);
    const first = requireOutcome(await sync(), 'published');
    table.push(['first cycle', `version 1 published, ${bytes(first.upstreamBytes)} from upstream`]);

    logStep(log, 'A client with an empty folder updates from the mirror by real freshclam.');
    await mkdir(join(folder, 'old-client'));
    table.push(['client, before', await freshClient.play(client('old-client', 1, 0))]);

    logStep(log, 'Upstream moves on to version 6.');
    await offer(official, upstreamFolder, 6);
    const second = requireOutcome(await sync(), 'published');
    table.push(['second cycle', `version 6 published, ${bytes(second.upstreamBytes)} from upstream`]);
    const third = requireOutcome(await sync(), 'unchanged');
    table.push(['third cycle', `unchanged: ${bytes(third.upstreamBytes)} from upstream`]);

    logStep(
      log,
      'The client of before, and a new one, update from the mirror by real freshclam; clamscan scans EICAR.',
    );
    table.push(['old client', `${await freshClient.play(client('old-client', 6, 14))}, by CDIFFs`]);
    await mkdir(join(folder, 'new-client'));
    table.push(['new client', await freshClient.play(client('new-client', 6, 14))]);
    table.push(['clamscan', await scan.play(client('new-client', 6, 14))]);

    logStep(
      log,
      "A false alarm: one of Talos' signatures finds something in a file of ours. The allow list ends that.",
    );
    const { settings, deps } = demoCycle(upstream, store, engine);
    const shown = { folder, url: mirror.url, engine, log };
    table.push(['allow list', await playFalseAlarm(shown, settings, deps)]);

    logStep(
      log,
      'Upstream offers a forgery: one flipped bit turns "version 6" into "version 7" in the header.',
    );
    log.info("The header's own signature does not cover that; clamav-mirror checks what does.");
    const before = await fingerprint(store);
    await offerForgery(upstreamFolder);
    const forged = requireOutcome(await sync(), 'refused');
    table.push(['forgery', `refused: ${forged.databases.test?.reason}`]);
    if ((await fingerprint(store)) !== before) throw new Error('the refused database changed the mirror');
    const bad = (await checkTree(store, TALOS)).find(({ verdict }) => verdict !== 'proven');
    if (bad !== undefined) throw new Error(`${bad.path} no longer proves out: ${bad.reason}`);
    table.push(['the mirror', 'unharmed: the same bytes as before, all proven again']);

    logTable(table, engine, log);
    logStep(log, `Its status page, which tells of the forgery too: ${mirror.url}/`);
    logStep(log, `The mirror's host: ${mirror.url}`);
    if (keep) await untilInterrupted(mirror, log);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function demoCycle(upstream: Host, store: string, engine: Engine) {
  const flags = { upstream: upstream.url, dns: 'off', databases: 'test', store };
  const now = () => new Date();
  const deps = {
    store: new FolderStore(store),
    openProver: async () => proveWith([engine], { now }),
    ...{ trust: TALOS, log: SILENT, now },
  };
  return { settings: syncSettings({ ...given(flags), environment: {} }), deps };
}

async function runDemoCycle(upstream: Host, store: string, engine: Engine, log: Log): Promise<CycleReport> {
  const { settings, deps } = demoCycle(upstream, store, engine);
  const report = await runCycle(settings, deps);
  log.info(`$ clamav-mirror sync --upstream ${upstream.url} --databases test`);
  for (const { result, scenario, evidence } of report.proof?.results ?? []) {
    log.info(`  ${result}: ${scenario}`);
    log.info(`          ${evidence}`);
  }
  log.info(`  ${report.outcome} in ${took(report.duration)}`);
  return report;
}

/** Makes the upstream's folder what ClamAV's CDN would look like at this version. */
async function offer(official: string, upstream: string, version: number): Promise<void> {
  for (let step = 2; step <= version; step++) {
    await copyFile(join(official, `test-${step}.cdiff`), join(upstream, `test-${step}.cdiff`));
  }
  await replaceFile(join(upstream, 'test.cvd'), await readFile(join(official, `test-${version}.cvd`)));
}

async function offerForgery(upstream: string): Promise<void> {
  const path = join(upstream, 'test.cvd');
  const cvd = await readFile(path);
  const at = cvd.indexOf(':6:', 0, 'latin1') + 1;
  cvd[at] = (cvd[at] ?? 0) ^ 1; // '6' is 36, '7' is 37
  await writeFile(path, cvd);
}

function requireOutcome(report: CycleReport, outcome: CycleReport['outcome']): CycleReport {
  if (report.outcome === outcome) return report;
  const reason = report.error?.message ?? report.databases.test?.reason ?? 'no reason given';
  throw new Error(`this cycle should have been ${outcome}, it was ${report.outcome}: ${reason}`);
}

/** One hash over names and bytes of everything that is published, but the files that tell of the last cycle. */
async function fingerprint(store: string): Promise<string> {
  const hash = createHash('sha256');
  for (const entry of (await readdir(store, { withFileTypes: true })).sort((a, b) =>
    a.name.localeCompare(b.name),
  )) {
    if (entry.isFile() && !FACE.includes(entry.name))
      hash.update(entry.name).update(await readFile(join(store, entry.name)));
  }
  return hash.digest('hex');
}

function logStep(log: Log, text: string): void {
  log.info('');
  log.info(text);
}

function logTable(table: Table, engine: Engine, log: Log): void {
  logStep(log, `Proven with ClamAV ${engine.version} on databases signed by Talos:`);
  const width = Math.max(...table.map(([what]) => what.length));
  for (const [what, shown] of table) log.info(`  ${what.padEnd(width)}  ${shown}`);
}

async function untilInterrupted(mirror: Host, log: Log): Promise<void> {
  log.info(`It keeps running until Ctrl-C. In freshclam.conf: DatabaseMirror ${mirror.url}`);
  await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
}
