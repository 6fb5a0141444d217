import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from '../../base/errors.ts';
import { counted } from '../../base/words.ts';
import { cdiffName } from '../../cvd/names.ts';
import {
  type ClientConfig,
  isFullDownload,
  plant,
  requestText,
  requireStagedContents,
  requireStagedVersions,
  stagedCvd,
  update,
} from '../clients/freshclam.ts';
import { type Candidate, type EarlierCvd, type Scenario, ScenarioFailure, type Scene } from './scenario.ts';

/** Number of retained versions of a database to try at most: the ends, and some in between. */
const VERSIONS_TRIED = 4;
/**
 * Runs of freshclam until a client must be over a gap in the CDIFFs. It may need one run for the CDIFFs before the gap,
 * and one for the whole CVD.
 */
const RUNS_OVER_A_GAP = 3;

/** Scenario of a client with all databases at the published versions, as most clients have now. */
export const publishedClient: Scenario = {
  name: 'a client with the published versions arrives at the staged versions',
  client: 'published',
  play: (scene) => arrive(scene, scene.candidate.published),
};

/** Scenarios of clients with retained versions: all versions, or a spread of them. */
export function retainedClients({ retained }: Candidate): Scenario[] {
  return [...retained].flatMap(([database, cvds]) =>
    spread([...cvds].sort((a, b) => a.version - b.version)).map((cvd) => ({
      name: `a client with ${database} ${cvd.version} arrives at the staged versions`,
      client: `${database}-${cvd.version}`,
      play: (scene) => arrive(scene, new Map([[database, cvd]])),
    })),
  );
}

/**
 * Requires that a client with these CVDs, and the staged ones of all other databases, arrives at the staged versions, by
 * CDIFFs alone where they lead there.
 */
export async function arrive(
  scene: Scene,
  cvds: ReadonlyMap<string, EarlierCvd>,
  config: ClientConfig = {},
): Promise<string> {
  const others = [...scene.candidate.staged.keys()].filter((database) => !cvds.has(database));
  await plant(scene, [...cvds, ...others.map((name) => [name, stagedCvd(scene.candidate, name)] as const)]);
  const covered: string[] = [];
  for (const [database, { version }] of cvds) {
    if (await isCovered(scene.candidate, database, version)) covered.push(database);
  }
  const stuck = [...cvds.keys()].filter((database) => lacksLastCdiff(scene.candidate, database));
  const requests = [];
  for (let left = covered.length === cvds.size ? 1 : RUNS_OVER_A_GAP; left > 0; left--) {
    const { run, requests: asked } = await update(scene, config);
    requests.push(...asked);
    const arrived = await requireStagedVersions(scene, run, stuck).catch((error) => {
      if (left === 1 || !(error instanceof ScenarioFailure)) throw error;
    });
    if (arrived === undefined) continue;
    await requireStagedContents(scene);
    const full = requests.find(
      (line) => isFullDownload(line) && covered.some((name) => line.path === `/${name}.cvd`),
    );
    if (full !== undefined)
      throw new ScenarioFailure(`CDIFFs should do, but it asked for ${requestText(full)}`);
    const cdiffs = requests.filter(({ path, status }) => path.endsWith('.cdiff') && status === 200);
    return `${arrived}, by ${counted(cdiffs.length, 'CDIFF')}`;
  }
  throw new ScenarioFailure('it did not arrive');
}

/**
 * True if the last CDIFF of a database is missing. A client that is one version behind then stays there without a word,
 * until it gets that CDIFF (§6).
 */
export function lacksLastCdiff({ staged }: Candidate, database: string): boolean {
  return staged.get(database)?.cdiffs === null;
}

/**
 * True if CDIFFs lead from this version to the staged one. An empty CDIFF does not: it means to take the full CVD (§3).
 */
async function isCovered({ staged, folder }: Candidate, database: string, version: number): Promise<boolean> {
  const to = staged.get(database);
  if (to === undefined || to.version === version) return true;
  if (to.cdiffs === null || to.cdiffs.first > version + 1) return false;
  for (let step = version + 1; step <= to.version; step++) {
    const name = cdiffName(database, step);
    const { size } = await stat(join(folder, name)).catch((cause) => {
      throw codeOf(cause) === 'ENOENT' ? new ScenarioFailure(`the stage has no ${name}`) : cause;
    });
    if (size === 0) return false;
  }
  return true;
}

/** All of a few items, else the first, the last and some in between. */
export function spread<T>(items: readonly T[]): T[] {
  if (items.length <= VERSIONS_TRIED) return [...items];
  const picked = Array.from({ length: VERSIONS_TRIED }, (_, at) =>
    Math.round((at * (items.length - 1)) / (VERSIONS_TRIED - 1)),
  );
  return items.filter((_, at) => picked.includes(at));
}
