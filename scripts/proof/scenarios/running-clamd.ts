import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { Program } from '../../engine/engine.ts';
import { type ConfOption, writeConf } from '../../files/clamav-conf.ts';
import { type Clamd, clamdAt } from '../clients/clamd.ts';
import { daemonPlace } from '../clients/clamd-socket.ts';
import { type Sample, writeSamples } from '../samples/samples.ts';
import { asPublished, EICAR } from './eicar.ts';
import { Disturbed, inFolder, OutOfTime, ScenarioFailure, type Scene, tellingLine } from './scenario.ts';

/** Time between two checks of a clamd that is starting or reloading. */
const POLL_MS = 20;
const PORT_TAKEN = /^.*TCP: .*Address already in use/m;
/** Time in which a crashed process has written its core and is gone. */
const CRASH_MS = 1000;

/**
 * Starts clamd on the databases of the client, waits until it answers, and stops it after `live`. Fails if clamd dies.
 */
export async function withClamd(
  scene: Scene,
  options: readonly ConfOption[],
  live: (program: Program, clamd: Clamd, over: AbortSignal) => Promise<string>,
): Promise<string> {
  const { engine } = scene;
  await using place = await daemonPlace(engine, scene.folder);
  await writeConf(join(scene.folder, 'clamd.conf'), [
    ...place.options,
    ['Foreground', true],
    ['LogTime', false],
    ['MaxThreads', 4],
    ...options,
  ]);
  const program = await engine.start(
    inFolder(scene, {
      tool: 'clamd',
      args: (at) => [`--config-file=${at}/clamd.conf`, `--datadir=${at}/db`],
    }),
  );
  const over = new AbortController();
  const clamd = clamdAt(place.address, scene.timeout);
  const living = (async () => {
    const answers = async () => (await clamd.ping().catch(() => '')) === 'PONG';
    await until(scene, over.signal, 'clamd answers PING', answers);
    scene.loaded?.(program.peakMemory?.());
    return await live(program, clamd, over.signal);
  })();
  try {
    return await Promise.race([living, death(program)]);
  } catch (error) {
    await Promise.race([death(program), wait(CRASH_MS)]); // a broken answer is seen before the crash itself
    throw error;
  } finally {
    over.abort();
    await program.stop();
    await living.catch(() => {}); // its freshclam may still be running
  }
}

/**
 * Scans samples in every form with the databases that clamd has just loaded. By default what EICAR is called is measured
 * by what is published.
 */
export async function scanSamples(
  scene: Scene,
  clamd: Clamd,
  counts: ReadonlyMap<string, number>,
  ofEicar?: Sample['expected'],
): Promise<string> {
  const folder = join(scene.folder, 'samples');
  const samples = await writeSamples(folder, counts, [], ofEicar);
  const verdicts = new Map<string, string>();
  for (const { name } of samples) {
    const answer = await clamd.scan(await readFile(join(folder, name)));
    verdicts.set(name, /^stream: (OK|\S+(?= FOUND$))/.exec(answer)?.[1] ?? answer);
  }
  const adapted = ofEicar === undefined ? await asPublished(scene, samples, verdicts.get(EICAR)) : samples;
  for (const { name, expected } of adapted) {
    const found = verdicts.get(name) ?? '';
    const isRight =
      expected === 'any' ? found !== 'OK' : expected === 'clean' ? found === 'OK' : expected.test(found);
    if (!isRight) throw new ScenarioFailure(`clamd says of ${name}: ${JSON.stringify(found)}`);
  }
  return [...verdicts].map(([name, found]) => `${name} ${found}`).join(', ');
}

/** Waits until a condition holds, for at most the time of one run of a tool. */
export async function until(
  scene: Scene,
  over: AbortSignal,
  what: string,
  isSo: () => boolean | Promise<boolean>,
): Promise<void> {
  const deadline = performance.now() + scene.timeout;
  while (!(await isSo())) {
    if (performance.now() > deadline) {
      throw new OutOfTime(`waited ${scene.timeout / 1000} s in vain until ${what}`);
    }
    over.throwIfAborted();
    await wait(POLL_MS);
  }
}

/** Rejects when clamd ends, and never resolves: a clamd that ends by itself fails the scenario. */
async function death(program: Program): Promise<never> {
  const run = await program.ended;
  if (run.timedOut) throw new OutOfTime(`clamd was killed for want of time: ${tellingLine(run)}`);
  // No database makes clamd end well: somebody sent SHUTDOWN or SIGTERM, or took its port first.
  if (run.exitCode === 0 || PORT_TAKEN.test(run.output))
    throw new Disturbed(`somebody else stopped clamd, or took its port: ${tellingLine(run)}`);
  const how = run.exitCode === null ? 'by a signal' : `exit ${run.exitCode}`;
  throw new ScenarioFailure(`clamd died (${how}): ${tellingLine(run)}`);
}
