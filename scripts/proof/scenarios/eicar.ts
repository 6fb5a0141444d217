import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../../engine/engine.ts';
import { plant } from '../clients/freshclam.ts';
import {
  EICAR_SIGNATURE,
  eicar,
  isEicar,
  mustKnowEicar,
  type Sample,
  SCAN_LIMITS,
} from '../samples/samples.ts';
import { FOUND_BY_OWN, OWN_DATABASE, ownDatabase } from './own-database.ts';
import { type Candidate, inFolder, OutOfTime, type Scene } from './scenario.ts';

/** Name of the plain EICAR sample. */
export const EICAR = 'eicar.com';

/**
 * Samples with the verdict on EICAR to expect after the engine `said` something else than usual of it, such as `OK` or
 * another name. The verdict of the same engine with the published databases decides. So a new name by Talos, or a set
 * that never knew EICAR, does not stop a mirror for ever. `OK` with the published databases counts only if the engine
 * finds EICAR with a database of our own: otherwise it finds nothing at all. The same samples if the usual verdict stays.
 */
export async function asPublished(
  scene: Scene,
  samples: readonly Sample[],
  said: string | undefined,
): Promise<readonly Sample[]> {
  if (said === undefined || EICAR_SIGNATURE.test(said)) return samples;
  const expected = await expectedFor(scene, said);
  if (expected === undefined) return samples;
  return samples.map((sample) => (isEicar(sample) ? { ...sample, expected } : sample));
}

async function expectedFor(scene: Scene, said: string): Promise<Sample['expected'] | undefined> {
  const { candidate } = scene;
  const counts = new Map([...candidate.staged].map(([name, { signatures }]) => [name, signatures]));
  const isFound = !/^OK\b|^Heuristics\./.test(said);
  let expected: Sample['expected'] | undefined;
  if (candidate.published.size === 0) {
    expected = isFound || mustKnowEicar(counts) ? undefined : 'clean';
  } else {
    const published = await verdictOfPublished(scene);
    if (published === 'OK') expected = isFound ? 'any' : 'clean';
    else if (isFound && published === said) expected = literally(published);
  }
  if (expected !== 'clean') return expected;
  return FOUND_BY_OWN.test((await verdictWith(scene, plantOwn)) ?? '') ? expected : undefined;
}

/** Verdicts of engines with the published databases, by their names: it takes a load, and several scenarios may ask. */
const published = new WeakMap<Candidate, Map<string, Promise<string | undefined>>>();

async function verdictOfPublished(scene: Scene): Promise<string | undefined> {
  const { candidate, engine } = scene;
  const known = published.get(candidate) ?? new Map<string, Promise<string | undefined>>();
  published.set(candidate, known);
  const verdict =
    known.get(engine.name) ?? verdictWith(scene, (control) => plant(control, candidate.published));
  known.set(engine.name, verdict);
  verdict.catch(() => known.delete(engine.name)); // whoever asks next looks anew
  return await verdict;
}

async function plantOwn({ folder }: Scene): Promise<void> {
  await mkdir(join(folder, 'db'));
  await writeFile(join(folder, 'db', OWN_DATABASE), ownDatabase());
}

/**
 * Verdict of clamscan on EICAR with the databases that `plant` puts into the folder `db` of a new scene: `OK` or a
 * name. `undefined` if clamscan gives no verdict.
 */
async function verdictWith(
  scene: Scene,
  putDatabases: (control: Scene) => Promise<void>,
): Promise<string | undefined> {
  const folder = join(scene.folder, 'look');
  const control = { ...scene, folder };
  try {
    await mkdir(join(folder, 'samples'), { recursive: true });
    await writeFile(join(folder, 'samples', EICAR), eicar());
    await putDatabases(control);
    const task = inFolder(control, {
      tool: 'clamscan',
      args: (at) => [`--database=${at}/db`, ...SCAN_LIMITS, '--no-summary', `${at}/samples`],
    });
    const ended = await run(scene.engine, task);
    if (ended.timedOut) throw new OutOfTime('clamscan was killed for want of time');
    return /\/samples\/eicar\.com: (OK|\S+(?= FOUND))/.exec(ended.output)?.[1];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function literally(name: string): RegExp {
  return new RegExp(`^${name.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')}$`);
}
