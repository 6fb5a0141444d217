import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../../engine/engine.ts';
import { plant } from '../clients/freshclam.ts';
import { EICAR_SIGNATURE, eicar, mustKnowEicar, type Sample, SCAN_LIMITS } from '../samples/samples.ts';
import { FOUND_BY_OWN, OWN_DATABASE, ownDatabase } from './own-database.ts';
import { type Candidate, inFolder, OutOfTime, type Scene } from './scenario.ts';

/** Verdicts on EICAR that engines were seen to give. Later scenarios expect them too. */
const learnt = new WeakMap<Candidate, Map<string, Sample['expected']>>();

/** Verdict on EICAR to expect from an engine with the staged databases. */
export function eicarExpected({
  candidate,
  engine,
}: Pick<Scene, 'candidate' | 'engine'>): Sample['expected'] {
  return learnt.get(candidate)?.get(engine.name) ?? EICAR_SIGNATURE;
}

/**
 * Expected verdict after the engine gave another one on EICAR, such as `OK` or another name. The verdict of the same
 * engine with the published databases decides. So a new name by Talos, or a set that never knew EICAR, does not stop a
 * mirror for ever. `OK` with the published databases counts only if the engine finds EICAR with a database of our own:
 * otherwise it finds nothing at all. `undefined` keeps the earlier expectation.
 */
export async function eicarAsPublished(scene: Scene, said: string): Promise<Sample['expected'] | undefined> {
  const { candidate, engine } = scene;
  const counts = new Map([...candidate.staged].map(([name, { signatures }]) => [name, signatures]));
  const isFound = !/^OK\b|^Heuristics\./.test(said);
  let expected: Sample['expected'] | undefined;
  if (candidate.published.size === 0) {
    expected = isFound || mustKnowEicar(counts) ? undefined : 'clean';
  } else {
    const published = await verdictWith(scene, (control) => plant(control, candidate.published));
    if (published === 'OK') expected = isFound ? 'any' : 'clean';
    else if (isFound && published === said) expected = literally(published);
  }
  if (expected === 'clean' && !FOUND_BY_OWN.test((await verdictWith(scene, plantOwn)) ?? ''))
    return undefined;
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
