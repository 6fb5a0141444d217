import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../../engine/engine.ts';
import { plant } from '../clients/freshclam.ts';
import { EICAR_SIGNATURE, eicar, mustKnowEicar, type Sample, SCAN_LIMITS } from '../samples/samples.ts';
import { FOUND_BY_OWN, OWN_DATABASE, ownDatabase } from './own-database.ts';
import { type Candidate, inFolder, OutOfTime, type Scene } from './scenario.ts';

/** What an engine was found to say of EICAR, which its later scenarios go by. */
const learnt = new WeakMap<Candidate, Map<string, Sample['expected']>>();

/** What an engine has to say of EICAR with the staged databases. */
export function eicarExpected({
  candidate,
  engine,
}: Pick<Scene, 'candidate' | 'engine'>): Sample['expected'] {
  return learnt.get(candidate)?.get(engine.name) ?? EICAR_SIGNATURE;
}

/**
 * What is to be expected of EICAR after the engine said something else of it, such as `OK` or another name: the published
 * databases are the measure, with which the same engine looks at it. So a name that Talos gave it anew, or a set that
 * never knew it, does not stop a mirror for ever. That no set knows it counts only of an engine that finds it with a
 * database of our own: else it finds nothing at all. `undefined`: what was expected before.
 */
export async function eicarAsPublished(scene: Scene, said: string): Promise<Sample['expected'] | undefined> {
  const { candidate, engine } = scene;
  const counts = new Map([...candidate.staged].map(([name, { signatures }]) => [name, signatures]));
  const isFound = !/^OK\b|^Heuristics\./.test(said);
  let expected: Sample['expected'] | undefined;
  if (candidate.published.size === 0) {
    expected = isFound || mustKnowEicar(counts) ? undefined : 'clean';
  } else {
    const published = await lookWith(scene, (control) => plant(control, candidate.published));
    if (published === 'OK') expected = isFound ? 'any' : 'clean';
    else if (isFound && published === said) expected = literally(published);
  }
  if (expected === 'clean' && !FOUND_BY_OWN.test((await lookWith(scene, plantOwn)) ?? '')) return undefined;
  if (expected !== undefined) {
    const known = learnt.get(candidate) ?? new Map<string, Sample['expected']>();
    learnt.set(candidate, known.set(engine.name, expected));
  }
  return expected;
}

async function plantOwn({ folder }: Scene): Promise<void> {
  await mkdir(join(folder, 'db'));
  await writeFile(join(folder, 'db', OWN_DATABASE), ownDatabase());
}

/**
 * `OK` or the name that clamscan gives it with the databases that are put into the folder `db` of a scene of its own;
 * `undefined` if it does not get to say anything.
 */
async function lookWith(
  scene: Scene,
  putDatabases: (control: Scene) => Promise<void>,
): Promise<string | undefined> {
  const folder = join(scene.folder, 'look');
  const control = { ...scene, folder };
  try {
    await mkdir(join(folder, 'samples'), { recursive: true });
    await writeFile(join(folder, 'samples', 'eicar.com'), eicar());
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
