import { join } from 'node:path';
import { endOf, type ToolRun } from '../../engine/engine.ts';
import { requireStagedVersions } from '../clients/freshclam.ts';
import { type Sample, SCAN_LIMITS, writeSamples } from '../samples/samples.ts';
import { asPublished, EICAR } from './eicar.ts';
import { inFolder, OutOfTime, type Scenario, ScenarioFailure, type Scene, tellingLine } from './scenario.ts';

export const scan: Scenario = {
  name: 'clamscan, with what the client received, judges every sample rightly',
  client: 'fresh',
  sets: 1,
  play: (scene) => scanWithArrived(scene, []),
};

/** Runs clamscan with what the client received, and these flags, over all samples. Returns the verdicts as evidence. */
export async function scanWithArrived(scene: Scene, flags: readonly string[]): Promise<string> {
  await requireStagedVersions(scene);
  const counts = new Map([...scene.candidate.staged].map(([name, { signatures }]) => [name, signatures]));
  const samples = await writeSamples(join(scene.folder, 'samples'), counts, scene.samples);
  let folder = '';
  const task = inFolder(scene, {
    tool: 'clamscan',
    args: (at) => {
      folder = `${at}/samples`;
      return [`--database=${at}/db`, ...flags, ...SCAN_LIMITS, '--recursive', '--no-summary', folder];
    },
  });
  const program = await scene.engine.start(task);
  const ended = await program.ended;
  scene.loaded?.(program.peakMemory?.());
  if (ended.timedOut) return requireVerdicts(ended, folder, samples);
  const adapted = await asPublished(scene, samples, readVerdicts(ended.output, folder).get(EICAR));
  const verdicts = requireVerdicts(ended, folder, adapted);
  return adapted === samples
    ? verdicts
    : `${verdicts}; what EICAR is called is measured by what is published`;
}

/**
 * Requires that clamscan gave exactly the required verdict on every sample in `folder` and reported no error. Its exit
 * code is 1 even for errors beside a detection, so it is only one of the signs (clamav-formats.md §0.6).
 */
export function requireVerdicts(ended: ToolRun, folder: string, samples: readonly Sample[]): string {
  if (ended.timedOut) throw new OutOfTime('clamscan was killed for want of time');
  const problem = ended.output
    .split('\n')
    .find((line) => /^(LibClamAV )?error\b|\bERROR$|malformed/i.test(line.trim()));
  if (problem !== undefined) throw new ScenarioFailure(`clamscan reported: ${problem.trim()}`);
  const verdicts = readVerdicts(ended.output, folder);
  for (const { name, origin = name, expected } of samples) {
    const found = verdicts.get(name);
    if (found === undefined) {
      const said = tellingLine(ended);
      throw new ScenarioFailure(`clamscan said nothing of ${origin} (${endOf(ended)}: ${said})`);
    }
    if (expected === 'clean' && found !== CLEAN) {
      throw new ScenarioFailure(`${origin} is safe, but clamscan calls it ${found}`);
    }
    if (expected === 'any' && /^OK\b|^Heuristics\.Limits\.Exceeded/.test(found)) {
      throw new ScenarioFailure(`clamscan should find something in ${origin}, and says ${found}`);
    }
    if (expected instanceof RegExp && !expected.test(found)) {
      throw new ScenarioFailure(`clamscan should name ${origin} by its signature, and says ${found}`);
    }
  }
  const expectedExit = samples.some(({ expected }) => expected !== 'clean') ? 1 : 0;
  if (ended.exitCode !== expectedExit) {
    throw new ScenarioFailure(`clamscan: ${endOf(ended)}, not exit ${expectedExit}`);
  }
  return evidence(samples, verdicts);
}

const CLEAN = 'OK';
/** Number of verdicts that the record names one by one. Further ones are only counted. */
const VERDICTS_NAMED = 30;

function evidence(samples: readonly Sample[], verdicts: ReadonlyMap<string, string>): string {
  const named = samples
    .slice(0, VERDICTS_NAMED)
    .map(({ name, origin = name }) => `${origin} ${verdicts.get(name)}`);
  const rest = samples.length - named.length;
  return named.join(', ') + (rest > 0 ? `, and ${rest} more as expected` : '');
}

/** Verdicts by path below `folder`: `OK`, or the signature; `OK and …` for a file with both. */
export function readVerdicts(output: string, folder: string): Map<string, string> {
  const verdicts = new Map<string, string>();
  for (const line of output.split('\n')) {
    if (!line.startsWith(`${folder}/`)) continue;
    const [, name, verdict] =
      /^(.+): (OK|(?:\S+) FOUND)$/.exec(line.slice(folder.length + 1).trimEnd()) ?? [];
    if (name === undefined || verdict === undefined) continue;
    const found = verdict.replace(/ FOUND$/, '');
    const before = verdicts.get(name) ?? found;
    verdicts.set(name, before === found ? found : `${before} and ${found}`);
  }
  return verdicts;
}
