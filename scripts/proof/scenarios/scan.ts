import { join } from 'node:path';
import type { ToolRun } from '../engine.ts';
import { type Sample, writeSamples } from '../samples.ts';
import { requireStagedVersions, type Scenario, ScenarioFailure } from './scenario.ts';

export const scan: Scenario = {
  name: 'clamscan, with what the client received, judges every sample rightly',
  client: 'fresh',
  async play(scene) {
    await requireStagedVersions(scene);
    const counts = new Map([...scene.staged].map(([database, { signatures }]) => [database, signatures]));
    const samples = await writeSamples(join(scene.folder, 'samples'), counts);
    const run = await scene.engine.run(
      'clamscan',
      scene.folder,
      (at) => [`--database=${at}/db`, '--no-summary', ...samples.map(({ name }) => `${at}/samples/${name}`)],
      scene.timeout,
    );
    return requireVerdicts(run, samples);
  },
};

/**
 * Requires that clamscan gave exactly the expected verdict on every sample and reported no error. Its exit code
 * is 1 also when errors happened beside a detection, so it is only one of the signs (clamav-formats.md §0.6).
 */
export function requireVerdicts(run: ToolRun, samples: readonly Sample[]): string {
  if (run.timedOut) throw new ScenarioFailure('clamscan was killed for want of time');
  const trouble = run.output.split('\n').find((line) => /^(LibClamAV )?error\b|\bERROR$/i.test(line.trim()));
  if (trouble !== undefined) throw new ScenarioFailure(`clamscan reported: ${trouble.trim()}`);
  const verdicts = readVerdicts(run.output);
  for (const { name, signature } of samples) {
    const found = verdicts.get(name);
    if (found === undefined) {
      throw new ScenarioFailure(`clamscan said nothing of ${name} (exit ${run.exitCode})`);
    }
    if (signature === undefined && found !== CLEAN) {
      throw new ScenarioFailure(`${name} is safe, but clamscan calls it ${found}`);
    }
    if (signature !== undefined && !signature.test(found)) {
      throw new ScenarioFailure(`clamscan should name ${name} by its signature, and says ${found}`);
    }
  }
  const expectedExit = samples.some(({ signature }) => signature !== undefined) ? 1 : 0;
  if (run.exitCode !== expectedExit) {
    throw new ScenarioFailure(`clamscan ended with exit ${run.exitCode}, not ${expectedExit}`);
  }
  return samples.map(({ name }) => `${name} ${verdicts.get(name)}`).join(', ');
}

const CLEAN = 'OK';

/** Verdict by file name: `OK`, or the signature that was found; `OK and …` for a file that was given both. */
function readVerdicts(output: string): Map<string, string> {
  const verdicts = new Map<string, string>();
  for (const line of output.split('\n')) {
    const [, name, verdict] = /^(?:.*\/)?([^/]+): (OK|(?:\S+) FOUND)$/.exec(line.trim()) ?? [];
    if (name === undefined || verdict === undefined) continue;
    const found = verdict.replace(/ FOUND$/, '');
    const before = verdicts.get(name) ?? found;
    verdicts.set(name, before === found ? found : `${before} and ${found}`);
  }
  return verdicts;
}
