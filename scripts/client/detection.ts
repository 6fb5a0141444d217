import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Engine, endOf, run } from '../engine/engine.ts';
import { requireNoLack } from '../engine/shortages.ts';
import { eicar, mustKnowEicar, type Sample, SCAN_LIMITS } from '../proof/samples/samples.ts';
import { requireVerdicts } from '../proof/scenarios/scan.ts';
import { ScenarioFailure, tellingLine } from '../proof/scenarios/scenario.ts';
import { ClientError } from './error.ts';
import { DATABASES } from './freshclam.ts';
import type { Holding } from './holdings.ts';

const SAMPLES = 'samples';
const SAMPLE = 'eicar.com';
const HARMLESS = 'harmless.txt';

/**
 * Lets an engine scan EICAR with the databases in `folder`/db, if they must know it, and a harmless text if extras are among
 * them. Returns what is wrong with the result, or `undefined`. Only this shows what ClamAV itself makes of a file. Any name
 * of the detection will do: the mirror's proof has checked the name. Throws `client/not-scanned` if clamscan gave no answer, `engine/broken`.
 */
export async function missesEicar(
  engine: Engine,
  folder: string,
  holdings: ReadonlyMap<string, Holding>,
  {
    fips,
    timeout,
    hasExtras,
  }: { readonly fips: boolean; readonly timeout: number; readonly hasExtras: boolean },
): Promise<string | undefined> {
  const counts = new Map([...holdings].map(([database, { header }]) => [database, header.signatures]));
  const wanted: Sample[] = [
    ...(mustKnowEicar(counts) ? [{ name: SAMPLE, expected: 'any' } as const] : []),
    ...(hasExtras ? [{ name: HARMLESS, expected: 'clean' } as const] : []),
  ];
  if (wanted.length === 0) return undefined;
  const samples = join(folder, SAMPLES);
  await mkdir(samples, { recursive: true });
  for (const { name } of wanted)
    await writeFile(join(samples, name), name === SAMPLE ? eicar() : 'harmless\n');
  let inside = '';
  const ended = await run(engine, {
    tool: 'clamscan',
    folder,
    args: (at) => {
      inside = `${at}/${SAMPLES}`;
      const limits = [...SCAN_LIMITS, ...(fips ? ['--fips-limits'] : [])];
      return [`--database=${at}/${DATABASES}`, ...limits, '--no-summary', inside];
    },
    timeout,
  });
  await rm(samples, { recursive: true, force: true });
  if (ended.exitCode === null) {
    throw new ClientError(
      'client/not-scanned',
      `clamscan ${engine.version} could not load the databases: ${endOf(ended)} (${tellingLine(ended)})`,
      { advice: 'Give the machine more memory (main and daily take 1.5 GB), or more time with --timeout' },
    );
  }
  try {
    requireVerdicts(ended, inside, wanted);
    return undefined;
  } catch (error) {
    if (!(error instanceof ScenarioFailure)) throw error;
    requireNoLack(engine, ended);
    return error.message;
  }
}
