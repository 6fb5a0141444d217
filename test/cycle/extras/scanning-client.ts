import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Engine, run } from '../../../scripts/engine/engine.ts';
import { Transcript } from '../../../scripts/engine/transcript.ts';
import { update } from '../../../scripts/proof/clients/freshclam.ts';
import { eicar } from '../../../scripts/proof/samples/samples.ts';
import type { Scene } from '../../../scripts/proof/scenarios/scenario.ts';
import { foundByTalos } from '../../support/databases/found-by-talos.ts';

/** What a client finds: names of signatures, `OK` for nothing. */
export interface Found {
  readonly eicar: string | undefined;
  /** In a file in which Talos' test database finds `FOUND_BY_TALOS`. */
  readonly sample: string | undefined;
}

/**
 * Lets a real client in `folder` check for news: databases by `DatabaseMirror`, and these files by `DatabaseCustomURL`. Then it
 * scans.
 */
export async function checkAndScan(
  engine: Engine,
  store: string,
  folder: string,
  custom: readonly string[] = ['local.ign2', 'local.sfp'],
): Promise<Found> {
  const staged = new Map([['test', { version: 6, signatures: 10, fLevel: 81, cdiffs: null }]]);
  const scene: Scene = {
    candidate: { folder: store, staged, published: new Map(), retained: new Map(), workFolder: folder },
    ...{ engine, folder, samples: [], timeout: 60_000, transcript: new Transcript() },
  };
  await mkdir(join(folder, 'samples'), { recursive: true });
  await writeFile(join(folder, 'samples', 'eicar.com'), eicar());
  await writeFile(join(folder, 'samples', 'sample.exe'), foundByTalos());
  for (const config of [{}, { custom, testDatabases: true }]) {
    const { run: ended } = await update(scene, config);
    if (ended.exitCode !== 0) throw new Error(`freshclam ended with ${ended.exitCode}: ${ended.output}`);
  }
  const args = (at: string) => [`--database=${at}/db`, '--no-summary', `${at}/samples`];
  const { output } = await run(engine, { tool: 'clamscan', folder, args, timeout: 60_000 });
  const found = (name: string) => new RegExp(`/${name}: (OK|\\S+(?= FOUND))`).exec(output)?.[1];
  return { eicar: found('eicar.com'), sample: found('sample.exe') };
}
