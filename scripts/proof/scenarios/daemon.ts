import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { cvdName } from '../../cvd/names.ts';
import { type Clamd, clamdAt, freePort } from '../clamd.ts';
import { plant, requireStagedVersions, update } from '../client.ts';
import type { Program } from '../engine.ts';
import { writeSamples } from '../samples.ts';
import { lacksLastCdiff } from './earlier-client.ts';
import {
  inFolder,
  type Scenario,
  ScenarioFailure,
  ScenarioSkipped,
  type Scene,
  tellingLine,
} from './scenario.ts';

/** Milliseconds between two looks at a clamd that is starting or reloading. */
const PAUSE = 20;
/** A process that has crashed is gone after so many milliseconds, its core written. */
const GRACE = 1000;
const SAFE = Buffer.from('Nothing in this line is harmful.\n');

/**
 * What has passed freshclam's test has crashed clamd (field-notes.md, cl#923), so one lives through the update: it
 * starts on what is published, and goes on scanning while freshclam brings the staged versions and it reloads them.
 */
export const daemon: Scenario = {
  name: 'clamd reloads to the staged versions while it scans, finds EICAR, and lives on',
  client: 'daemon',
  async play(scene) {
    const { engine, candidate } = scene;
    if (!engine.tools.has('clamd')) throw new ScenarioSkipped('this engine has no clamd');
    await plant(
      scene,
      [...candidate.staged.keys()].map((name) => {
        const earlier = lacksLastCdiff(candidate, name) ? undefined : candidate.published.get(name);
        return [name, earlier?.path ?? join(candidate.folder, cvdName(name))] as const;
      }),
    );
    const port = await freePort();
    await writeFile(join(scene.folder, 'clamd.conf'), configLines(scene, port).join('\n'));
    const program = await engine.start(
      inFolder(scene, {
        tool: 'clamd',
        args: (at) => [`--config-file=${at}/clamd.conf`, `--datadir=${at}/db`],
      }),
    );
    const over = new AbortController();
    const living = live(scene, program, clamdAt(engine.daemonAddress, port, scene.timeout), over.signal);
    try {
      return await Promise.race([living, death(program)]);
    } catch (error) {
      await Promise.race([death(program), wait(GRACE)]); // an answer that breaks off is seen before the crash
      throw error;
    } finally {
      over.abort();
      await program.stop();
      await living.catch(() => {}); // its freshclam may still be running
    }
  },
};

async function live(scene: Scene, program: Program, clamd: Clamd, over: AbortSignal): Promise<string> {
  const { staged, published } = scene.candidate;
  const counts = new Map([...staged].map(([database, { signatures }]) => [database, signatures]));
  await until(scene, over, 'clamd answers PING', async () => (await clamd.ping().catch(() => '')) === 'PONG');
  if (published.size > 0) {
    const { run } = await update(scene);
    await requireStagedVersions(scene, run);
  }

  const before = reloads(program).length;
  const scanning = scanUntilStopped(clamd);
  const answer = await clamd.reload();
  if (answer !== 'RELOADING') throw new ScenarioFailure(`clamd answered RELOAD with ${answer}`);
  await until(scene, over, 'clamd has reloaded', () => {
    const trouble = /^.*(?:\bERROR\b|LibClamAV Error|reload failed).*$/im.exec(program.output())?.[0];
    if (trouble !== undefined) throw new ScenarioFailure(`clamd said: ${trouble.trim()}`);
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

/** Every form of file that the samples have, with the databases that clamd has just loaded. */
async function scanSamples(scene: Scene, clamd: Clamd, counts: ReadonlyMap<string, number>): Promise<string> {
  const folder = join(scene.folder, 'samples');
  const said: string[] = [];
  for (const { name, expected } of await writeSamples(folder, counts, [])) {
    const answer = await clamd.scan(await readFile(join(folder, name)));
    const found = /^stream: (OK|\S+(?= FOUND$))/.exec(answer)?.[1] ?? answer;
    const isRight = expected instanceof RegExp ? expected.test(found) : answer === 'stream: OK';
    if (!isRight) throw new ScenarioFailure(`clamd says of ${name}: ${JSON.stringify(answer)}`);
    said.push(`${name} ${found}`);
  }
  return said.join(', ');
}

/** Never resolves: a clamd that ends by itself fails the scenario, whatever is going on then. */
async function death(program: Program): Promise<never> {
  const run = await program.ended;
  const how = run.timedOut
    ? 'was killed for want of time'
    : `died (${run.exitCode === null ? 'by a signal' : `exit ${run.exitCode}`})`;
  throw new ScenarioFailure(`clamd ${how}: ${tellingLine(run)}`);
}

/** Scans one stream after the other; every answer must be a verdict. */
function scanUntilStopped(clamd: Clamd): { stop(): Promise<number> } {
  let [scans, going] = [0, true];
  const scanning = (async () => {
    while (going) {
      await requireAnswer('a scan while it reloads', clamd.scan(SAFE), /^stream: OK$/);
      scans++;
    }
    return scans;
  })();
  scanning.catch(() => {}); // `stop` tells
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

async function until(
  scene: Scene,
  over: AbortSignal,
  what: string,
  isSo: () => boolean | Promise<boolean>,
): Promise<void> {
  const deadline = performance.now() + scene.timeout;
  while (!(await isSo())) {
    if (performance.now() > deadline) {
      throw new ScenarioFailure(`waited ${scene.timeout / 1000} s in vain until ${what}`);
    }
    over.throwIfAborted();
    await wait(PAUSE);
  }
}

/** `Database correctly reloaded (14 signatures)`, for each time that it happened. */
function reloads(program: Program): string[] {
  return program.output().match(/Database correctly reloaded \(\d+ signatures\)/g) ?? [];
}

function configLines({ engine }: Scene, port: number): string[] {
  return [
    `TCPSocket ${port}`,
    `TCPAddr ${engine.daemonAddress}`,
    'Foreground yes',
    'LogTime no',
    'MaxThreads 4',
    '',
  ];
}
