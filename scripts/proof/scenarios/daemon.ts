import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { Program } from '../../engine/engine.ts';
import type { Clamd } from '../clients/clamd.ts';
import { plant, requireStagedVersions, stagedCvd, update } from '../clients/freshclam.ts';
import { lacksLastCdiff } from './earlier-client.ts';
import { scanSamples, until, withClamd } from './running-clamd.ts';
import { type Scenario, ScenarioFailure, ScenarioSkipped, type Scene } from './scenario.ts';

const SAFE = Buffer.from('Nothing in this line is harmful.\n');

/**
 * Scenario of a clamd that lives through the update: it starts on the published databases, and keeps scanning while
 * freshclam fetches the staged versions and clamd reloads. Databases that passed the test of freshclam have crashed
 * clamd (field-notes.md, cl#923).
 */
export const daemon: Scenario = {
  name: 'clamd reloads to the staged versions while it scans, finds EICAR, and lives on',
  client: 'daemon',
  sets: 2, // clamd holds the old one until it has loaded the new one (clamd.conf, ConcurrentDatabaseReload)
  async play(scene) {
    const { engine, candidate } = scene;
    if (!engine.tools.has('clamd')) throw new ScenarioSkipped('this engine has no clamd');
    await rm(join(scene.folder, 'db'), { recursive: true, force: true }); // left by a first attempt
    await plant(
      scene,
      [...candidate.staged.keys()].map((name) => {
        const earlier = lacksLastCdiff(candidate, name) ? undefined : candidate.published.get(name);
        return [name, earlier ?? stagedCvd(candidate, name)] as const;
      }),
    );
    return await withClamd(scene, [], (program, clamd, over) => live(scene, program, clamd, over));
  },
};

async function live(scene: Scene, program: Program, clamd: Clamd, over: AbortSignal): Promise<string> {
  const { staged, published } = scene.candidate;
  const counts = new Map([...staged].map(([database, { signatures }]) => [database, signatures]));
  if (published.size > 0) {
    const { run } = await update(scene);
    await requireStagedVersions(scene, run);
  }

  const before = reloads(program).length;
  const scanning = scanUntilStopped(clamd);
  const answer = await clamd.reload();
  if (answer !== 'RELOADING') throw new ScenarioFailure(`clamd answered RELOAD with ${answer}`);
  await until(scene, over, 'clamd has reloaded', () => {
    const problem = /^.*(?:\bERROR\b|LibClamAV Error|reload failed).*$/im.exec(program.output())?.[0];
    if (problem !== undefined) throw new ScenarioFailure(`clamd said: ${problem.trim()}`);
    return reloads(program).length > before;
  });
  const scans = await scanning.stop();

  const eicarSays = await scanSamples(scene, clamd, counts);
  const daily = staged.get('daily')?.version;
  const version = await requireAnswer(
    'VERSION',
    clamd.version(),
    daily === undefined ? /^ClamAV / : new RegExp(`^ClamAV [^/]+/${daily}/`),
  );
  await requireAnswer('PING', clamd.ping(), /^PONG$/);
  return `${version}; ${reloads(program).at(-1)}, ${scans} scans meanwhile; ${eicarSays}`;
}

/** Time between two scans. Without one, they would keep a core from the load that they are to meet. */
const SCAN_PAUSE_MS = 20;

/** Scans one stream after the other. Every answer must be a verdict. */
function scanUntilStopped(clamd: Clamd): { stop(): Promise<number> } {
  let [scans, going] = [0, true];
  const scanning = (async () => {
    while (going) {
      await requireAnswer('a scan while it reloads', clamd.scan(SAFE), /^stream: OK$/);
      scans++;
      await wait(SCAN_PAUSE_MS);
    }
    return scans;
  })();
  scanning.catch(() => {}); // `stop` reports the failure
  return {
    stop: async () => {
      going = false;
      return await scanning;
    },
  };
}

async function requireAnswer(what: string, answering: Promise<string>, expected: RegExp): Promise<string> {
  const answer = await answering;
  if (expected.test(answer)) return answer;
  throw new ScenarioFailure(`clamd answered ${what} with ${JSON.stringify(answer)}`);
}

/** Lines such as `Database correctly reloaded (14 signatures)`, one for each reload. */
function reloads(program: Program): string[] {
  return program.output().match(/Database correctly reloaded \(\d+ signatures\)/g) ?? [];
}
